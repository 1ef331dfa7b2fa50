// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PackedRecord} from "../../contracts/PackedRecord.sol";
import {ProductContent} from "../../contracts/ProductContent.sol";
import {Preset} from "../contracts/Platform.sol";
import {AccessRules} from "./AccessRules.halmos.sol";

/// @dev Rules that are wrong. Halmos must find the one value that breaks each, or its word is worth nothing.
contract Control is AccessRules {
    function deploy() internal override returns (Preset) {
        return Preset(address(new ProductContent(admin, 3 days, DELAY, issuer, 250)));
    }

    function wrong_codec__headTouchesTheTime(uint96 raw, uint256 head) public pure {
        PackedRecord data = PackedRecord.wrap(raw);
        assert(PackedRecord.unwrap(data.withHeadBlock(head)) >> 35 == PackedRecord.unwrap(data) >> 35);
    }

    function wrong_access__nobodyPauses(address caller) public {
        refused(caller, abi.encodeCall(token.pause, ()));
    }

    function wrong_access__onlyTheRegistrarSuspends(address caller) public {
        vm.assume(caller != registrar);
        refused(caller, abi.encodeCall(token.suspend, (ID, 0)));
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ProductContent} from "../../contracts/ProductContent.sol";
import {Record, Status} from "../../contracts/interfaces/IProvenanceToken.sol";
import {Handler, PARTIES} from "./Handler.sol";
import {InvariantsSuite} from "./Invariants.behavior.sol";
import {Preset} from "./Platform.sol";

/// @dev Free transfers by the holder and by those whom the holder approved, and attempts by others.
contract ProductHandler is Handler {
    ProductContent private immutable _product;

    mapping(uint256 id => address) private _approved;
    mapping(address holder => bool) private _operated;

    constructor(Preset token, Keys memory keys) Handler(token, keys) {
        _product = ProductContent(address(token));
    }

    function transfer(uint256 id, uint256 to, uint256 seed) external recorded {
        uint256 token = _live(id);
        address from = holders[token];
        vm.prank(from);
        if (seed % 2 == 0) {
            try _product.safeTransferFrom(from, party(to), token) {
                _afterMove(token, party(to));
            } catch {}
        } else {
            try _product.transferFrom(from, party(to), token) {
                _afterMove(token, party(to));
            } catch {}
        }
    }

    function approve(uint256 id, uint256 seed) external tried {
        uint256 token = _live(id);
        vm.prank(holders[token]);
        try _product.approve(seed % 2 == 0 ? STRANGER : address(0), token) {
            _done();
        } catch {}
    }

    function permit(uint256 id) external tried {
        uint256 token = _live(id);
        uint256 deadline = vm.getBlockTimestamp() + 1 days;
        for (uint256 i; i < PARTIES; ++i) {
            if (party(i) != holders[token]) continue;
            (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf(i), _product.permitDigest(STRANGER, token, deadline));
            try _product.permit(STRANGER, token, deadline, abi.encodePacked(r, s, v)) {
                _done();
            } catch {}
        }
    }

    function operate(uint256 who, uint256 seed) external tried {
        bool yes = seed % 4 == 0;
        vm.prank(party(who));
        _product.setApprovalForAll(STRANGER, yes);
        _operated[party(who)] = yes;
        _done();
    }

    /// @dev The stranger takes a token where it was let, and must fail where it was not.
    function take(uint256 id) external recorded {
        uint256 token = _live(id);
        address from = holders[token];
        if (from == address(0)) return;
        bool may = _operated[from] || _product.getApproved(token) == STRANGER;
        vm.prank(STRANGER);
        try _product.transferFrom(from, party(id), token) {
            if (!may) _break("consent", "a move without consent");
            _afterMove(token, party(id));
        } catch {}
    }

    function setRoyalty(uint256 to, uint256 basisPoints) external tried {
        vm.prank(admin);
        try _product.setRoyalty(party(to), uint16(basisPoints % 1_200)) {
            (, uint256 due) = _product.royaltyInfo(0, 10_000);
            if (due > 1_000) _break("royalty", "a royalty over 10 %");
            _done();
        } catch {}
    }

    function actions() public view override returns (bytes4[] memory list) {
        bytes4[] memory shared = super.actions();
        uint256 n = shared.length;
        list = new bytes4[](n + 7);
        for (uint256 i; i < n; ++i) {
            list[i] = shared[i];
        }
        (list[n], list[n + 1], list[n + 2], list[n + 3]) =
            (this.intrude.selector, this.transfer.selector, this.approve.selector, this.permit.selector);
        (list[n + 4], list[n + 5], list[n + 6]) =
            (this.operate.selector, this.take.selector, this.setRoyalty.selector);
    }

    function _afterMove(uint256 token, address to) private {
        Record memory record = _product.recordOf(token);
        if (record.status != Status.Active) _break("consent", "a move while locked");
        _moved(token, to);
        _done();
    }
}

contract ProductInvariantsTest is InvariantsSuite {
    function deploy() internal override returns (Preset) {
        return Preset(address(new ProductContent(admin, ADMIN_DELAY, RECOVERY_DELAY, address(0), 0)));
    }

    function handle(Handler.Keys memory keys) internal override returns (Handler) {
        return new ProductHandler(token, keys);
    }

    /// hardhat-config: default.invariant.runs = 1000
    function invariant_allOfThese() public view override {
        super.invariant_allOfThese();
        if (handler.tries() % 10 == 0) invariant_theRoyaltyNeverPassesTenPercent();
    }

    function invariant_theRoyaltyNeverPassesTenPercent() public view {
        holds("royalty");
    }
}

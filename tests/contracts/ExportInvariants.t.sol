// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ExportContract} from "../../contracts/ExportContract.sol";
import {IExportContract} from "../../contracts/interfaces/IExportContract.sol";
import {DIRECT, Handler, idAt, PARTIES} from "./Handler.sol";
import {InvariantsSuite} from "./Invariants.behavior.sol";
import {Preset} from "./Platform.sol";

/// @dev Real consents, and every way around them.
contract ExportHandler is Handler {
    ExportContract private immutable _export;
    uint256 private immutable _issuerKey;

    /// @param issuerKey Of the first issuer
    constructor(Preset token, Keys memory keys, uint256 issuerKey) Handler(token, keys) {
        (_export, _issuerKey) = (ExportContract(address(token)), issuerKey);
    }

    function issueConsented(uint256 id, uint256 exporter, uint256 buyer, uint256 seed) external recorded {
        bool own = seed % 2 == 0;
        address issuer = issuerAt(0);
        IExportContract.Deal memory deal = IExportContract.Deal(
            bytes32(idAt(id % DIRECT)), issuer, own ? issuer : party(exporter), party(buyer), party(buyer), _deadline()
        );
        bytes32 digest = _export.dealDigest(deal);
        bytes memory ours = _sign(_issuerKey, digest);
        bytes memory theirs = own ? ours : _sign(keyOf(exporter), digest);
        vm.prank(STRANGER);
        try _export.issueConsented(deal, theirs, _sign(keyOf(buyer), digest), own ? bytes("") : ours) {
            _afterIssue(issuer);
        } catch {}
    }

    function assign(uint256 id, uint256 to) external recorded {
        (IExportContract.Assignment memory assignment, uint256 key) = _assignment(id, to);
        if (key == 0) return;
        bytes32 digest = _export.assignmentDigest(assignment);
        vm.prank(STRANGER);
        try _export.assign(assignment, _sign(key, digest), _sign(keyOf(to), digest)) {
            if (paused) _break("pause", "an assignment during a pause");
            _moved(assignment.tokenId, party(to));
            _done();
        } catch {}
    }

    /// @dev Tries to move a token without one of the consents. Done when it was refused.
    function force(uint256 id, uint256 to, uint256 how) external tried {
        (IExportContract.Assignment memory assignment, uint256 key) = _assignment(id, to);
        if (key == 0) return;
        uint256 token = assignment.tokenId;
        bytes32 digest = _export.assignmentDigest(assignment);
        (bytes memory a, bytes memory b) = (_sign(key, digest), _sign(keyOf(to), digest));
        how %= 6;
        if (how == 0) a = _sign(key + 7, digest);
        if (how == 1) b = _sign(key + 7, digest);
        if (how == 2) assignment.headBlock += 1;
        if (how == 3) assignment.deadline += 1;
        vm.prank(how == 4 ? assignment.from : STRANGER);
        if (how < 4) {
            try _export.assign(assignment, a, b) {
                _break("consent", "a move without consent");
            } catch {
                _done();
            }
        } else {
            try _export.transferFrom(assignment.from, assignment.to, token) {
                _break("consent", "a move without consent");
            } catch {
                _done();
            }
        }
    }

    function actions() public view override returns (bytes4[] memory list) {
        bytes4[] memory shared = super.actions();
        list = new bytes4[](shared.length + 4);
        for (uint256 i; i < shared.length; ++i) {
            list[i] = shared[i];
        }
        (list[shared.length], list[shared.length + 1], list[shared.length + 2], list[shared.length + 3]) =
            (this.intrude.selector, this.issueConsented.selector, this.assign.selector, this.force.selector);
    }

    function _assignment(uint256 id, uint256 to)
        private
        view
        returns (IExportContract.Assignment memory assignment, uint256 key)
    {
        uint256 token = _live(id);
        address from = holders[token];
        for (uint256 i; i < PARTIES; ++i) {
            if (party(i) == from) key = keyOf(i);
        }
        uint64 head = _export.recordOf(token).headBlock;
        assignment = IExportContract.Assignment(token, from, party(to), head, _deadline());
    }

    function _deadline() private view returns (uint256) {
        return vm.getBlockTimestamp() + 1 days;
    }

    function _sign(uint256 key, bytes32 digest) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }
}

contract ExportInvariantsTest is InvariantsSuite {
    function deploy() internal override returns (Preset) {
        return Preset(address(new ExportContract(admin, ADMIN_DELAY, RECOVERY_DELAY)));
    }

    function handle(Handler.Keys memory keys) internal override returns (Handler) {
        return new ExportHandler(token, keys, ISSUER_KEY);
    }

    /// hardhat-config: default.invariant.runs = 1000
    function invariant_allOfThese() public view override {
        super.invariant_allOfThese();
    }
}

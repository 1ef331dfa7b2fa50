// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {
    IAccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/IAccessControlDefaultAdminRules.sol";
import {IIssuers} from "../../contracts/interfaces/IIssuers.sol";
import {IProvenanceToken, Record, Refusal, Status} from "../../contracts/interfaces/IProvenanceToken.sol";
import {IRecovery} from "../../contracts/interfaces/IRecovery.sol";
import {Platform} from "./Platform.sol";

/// @dev Answers any call with a megabyte, by return or by revert.
contract Bomb {
    uint256 private constant SIZE = 1 << 20;
    bool private immutable _reverts;

    constructor(bool reverts) {
        _reverts = reverts;
    }

    fallback() external {
        bool reverts = _reverts;
        assembly {
            if reverts { revert(0, SIZE) }
            return(0, SIZE)
        }
    }

    /// @dev What the bomb itself costs, its answer not copied.
    function cost() external returns (uint256 spent) {
        spent = gasleft();
        assembly {
            pop(call(gas(), address(), 0, 0, 0, 0, 0))
        }
        spent -= gasleft();
    }
}

/// @dev What an attacker tries, and a thief with each key, against what both presets have in common. The line of the
/// threat model (docs/explanation/contracts-threat-model.md) that a test shows names it.
abstract contract AttacksBehavior is Platform {
    /// @dev What a call may cost beside the bomb that it meets.
    uint256 internal constant BOUND = 150_000;

    function test_frontRunning__ofAClaim__paysForTheHolder() public {
        (bytes32 root, bytes32[] memory proof) = pair();
        vm.prank(issuer);
        token.attestTree(root);
        bytes memory call = abi.encodeCall(token.claimOne, (issuer, root, buyer, DIGEST, proof));
        vm.prank(stranger);
        token.claimOne(issuer, root, buyer, DIGEST, proof);
        refuses(buyer, call, alreadyIssued(ID));
        Record memory record = token.recordOf(ID);
        truth(record.holder == buyer && record.issuer == issuer, "as the victim wanted it");
    }

    function test_frontRunning__ofAnAnchor__takesNothing() public {
        (bytes32 root, bytes32[] memory proof) = pair();
        vm.prank(competitor);
        token.attestTree(root);
        vm.prank(issuer);
        token.attestTree(root);
        token.claimOne(issuer, root, buyer, DIGEST, proof);
        same(token.recordOf(ID).issuer, issuer, "issuer");
    }

    function test_frontRunning__ofAnAnchorsClaim__underTheAttackersName__isToldAndCanBeRedone() public {
        (bytes32 root, bytes32[] memory proof) = pair();
        vm.prank(competitor);
        token.attestTree(root);
        vm.prank(issuer);
        token.attestTree(root);
        token.claimOne(competitor, root, buyer, DIGEST, proof);
        same(token.recordOf(ID).issuer, competitor, "the attacker's name stands there for ever");
        bytes memory call = abi.encodeCall(token.claimOne, (issuer, root, buyer, DIGEST, proof));
        refuses(buyer, call, alreadyIssued(ID));
        vm.prank(issuer);
        token.issue(buyer, NEXT);
        truth(token.recordOf(uint256(NEXT)).issuer == issuer, "redone under another reference");
    }

    function test_frontRunning__ofAnIssueByACompetitor__isToldAndCanBeRedone() public {
        vm.prank(competitor);
        token.issue(competitor, DIGEST);
        refuses(issuer, abi.encodeCall(token.issue, (buyer, DIGEST)), alreadyIssued(ID));
        same(token.recordOf(ID).issuer, competitor, "not in the victim's name");
        vm.prank(registrar);
        token.revoke(ID, REASON);
        vm.prank(issuer);
        token.issue(buyer, NEXT);
    }

    function test_frontRunning__ofALeafsRevocation__endsRevokedAllTheSame() public {
        (bytes32 root, bytes32[] memory proof) = pair();
        vm.prank(issuer);
        token.attestTree(root);
        vm.prank(stranger);
        token.claimOne(issuer, root, buyer, DIGEST, proof);
        bytes memory call = abi.encodeCall(token.revokeLeaf, (issuer, root, buyer, DIGEST, proof, REASON));
        refuses(issuer, call, alreadyIssued(ID));
        vm.prank(issuer);
        token.revoke(ID, REASON);
        same(uint256(token.recordOf(ID).status), uint256(Status.Revoked), "revoked");
    }

    function test_griefing__ofAMultiproofByOneClaim__isNamedAndTheRestIsClaimed() public {
        (bytes32 root, bytes32[] memory proof) = pair();
        vm.prank(issuer);
        token.attestTree(root);
        vm.prank(stranger);
        token.claimOne(issuer, root, buyer, DIGEST, proof);
        (address[] memory holders, bytes32[] memory digests) = (new address[](2), new bytes32[](2));
        (holders[0], holders[1], digests[0], digests[1]) = (buyer, exporter, DIGEST, NEXT);
        bool[] memory flags = new bool[](1);
        flags[0] = true;
        refuses(
            issuer,
            abi.encodeCall(token.claimMany, (issuer, root, holders, digests, new bytes32[](0), flags)),
            abi.encodeWithSelector(IProvenanceToken.Batch_ItemRefused.selector, 0, Refusal.AlreadyIssued)
        );
        same(uint256(token.precheck(holders, digests)[0]), uint256(Refusal.AlreadyIssued), "named before");
        proof[0] = token.leafOf(buyer, DIGEST);
        token.claimOne(issuer, root, exporter, NEXT, proof);
        same(token.ownerOf(uint256(NEXT)), exporter, "the rest");
    }

    function test_griefing__ofABatchByAHolderWhoBurnsGas__costsNothing() public {
        (address[] memory holders, bytes32[] memory digests) = (new address[](100), new bytes32[](100));
        for (uint256 i; i < 100; ++i) {
            (holders[i], digests[i]) = (buyer, keccak256(abi.encode(i)));
        }
        (uint256 plain, uint256 snapshot) = (gasleft(), 0);
        vm.prank(issuer);
        token.issueMany(holders, digests);
        plain -= gasleft();
        for (uint256 i; i < 100; ++i) {
            digests[i] = keccak256(abi.encode("again", i));
        }
        holders[7] = address(new Bomb(true));
        snapshot = gasleft();
        vm.prank(issuer);
        token.issueMany(holders, digests);
        snapshot -= gasleft();
        truth(snapshot < plain + 50_000, "the holder was called");
    }

    function test_stolenIssuer__beforeAnyoneNotices__cannotLeaveItsOrganisation() public {
        vm.prank(competitor);
        token.issue(buyer, DIGEST);
        refuses(issuer, abi.encodeCall(token.amend, (ID, NEXT)), notAuthorized(issuer));
        refuses(issuer, abi.encodeCall(token.suspend, (ID, REASON)), notAuthorized(issuer));
        refuses(issuer, abi.encodeCall(token.revoke, (ID, REASON)), notAuthorized(issuer));
        refuses(issuer, abi.encodeCall(token.authorizeIssuer, (stranger)), lacks(issuer, 0));
        refuses(issuer, abi.encodeCall(token.authorizeColleague, (stranger, issuer)), lacks(issuer, 0));
        refuses(issuer, abi.encodeCall(token.pause, ()), lacks(issuer, token.PAUSER_ROLE()));
        bytes32 role = token.REGISTRAR_ROLE();
        refuses(issuer, abi.encodeCall(token.proposeRecovery, (ID, issuer)), lacks(issuer, role));
        refuses(issuer, abi.encodeCall(token.suspendIssuer, (competitor)), lacks(issuer, role));
        vm.prank(issuer);
        (bool moved,) = address(token).call(abi.encodeCall(token.transferFrom, (buyer, issuer, ID)));
        truth(!moved, "not a holder's token");
    }

    function test_stolenIssuer__onceMarked__canDoNothingAndNothingIsDeleted() public {
        issueTo(buyer);
        uint64 theft = uint64(block.timestamp);
        vm.prank(issuer);
        token.issue(stranger, NEXT);
        vm.prank(registrar);
        token.distrustIssuer(issuer, theft);
        refuses(issuer, abi.encodeCall(token.issue, (stranger, REASON)), notAuthorized(issuer));
        refuses(issuer, abi.encodeCall(token.amend, (ID, REASON)), notAuthorized(issuer));
        refuses(issuer, abi.encodeCall(token.attestTree, (REASON)), notAuthorized(issuer));
        refuses(issuer, abi.encodeCall(token.suspend, (ID, REASON)), notAuthorized(issuer));
        refuses(issuer, abi.encodeCall(token.revoke, (ID, REASON)), notAuthorized(issuer));
        truth(token.recordOf(ID).issuerTrusted, "what came before");
        Record memory forged = token.recordOf(uint256(NEXT));
        truth(!forged.issuerTrusted && forged.status == Status.Active, "marked, not deleted");
        vm.prank(colleague);
        token.revoke(uint256(NEXT), REASON);
    }

    function test_stolenRegistrar__canNeitherIssueNorMoveNorHurry() public {
        issueTo(buyer);
        refuses(registrar, abi.encodeCall(token.issue, (registrar, NEXT)), notAuthorized(registrar));
        refuses(registrar, abi.encodeCall(token.attestTree, (NEXT)), notAuthorized(registrar));
        refuses(registrar, abi.encodeCall(token.amend, (ID, NEXT)), notAuthorized(registrar));
        refuses(registrar, abi.encodeCall(token.authorizeIssuer, (registrar)), lacks(registrar, 0));
        refuses(registrar, abi.encodeCall(token.pause, ()), lacks(registrar, token.PAUSER_ROLE()));
        bytes32 role = token.REGISTRAR_ROLE();
        refuses(registrar, abi.encodeCall(token.grantRole, (role, stranger)), lacks(registrar, 0));
        vm.prank(registrar);
        token.proposeRecovery(ID, registrar);
        uint256 at = vm.getBlockTimestamp() + RECOVERY_DELAY;
        bytes memory early = abi.encodeWithSelector(IRecovery.Recovery_TooEarly.selector, ID, at);
        refuses(registrar, abi.encodeCall(token.executeRecovery, (ID)), early);
        vm.prank(admin);
        token.revokeRole(role, registrar);
        vm.prank(buyer);
        token.stopRecovery(ID);
        refuses(registrar, abi.encodeCall(token.proposeRecovery, (ID, registrar)), lacks(registrar, role));
        same(token.ownerOf(ID), buyer, "owner");
    }

    function test_stolenRegistrar__isTakenBackByANewOne() public {
        issueTo(buyer);
        vm.prank(registrar);
        token.proposeRecovery(ID, registrar);
        vm.prank(registrar);
        token.suspend(ID, REASON);
        bytes32 role = token.REGISTRAR_ROLE();
        vm.prank(admin);
        token.revokeRole(role, registrar);
        vm.prank(admin);
        token.grantRole(role, stranger);
        vm.prank(stranger);
        token.stopRecovery(ID);
        vm.prank(stranger);
        token.restore(ID, REASON);
        Record memory record = token.recordOf(ID);
        truth(record.holder == buyer && record.status == Status.Active && !record.recovering, "as before");
    }

    function test_stolenPauser__stopsNewRecordsAndNothingElse() public {
        issueTo(buyer);
        vm.prank(registrar);
        token.proposeRecovery(ID, exporter);
        bytes32 before = keccak256(abi.encode(token.recordOf(ID)));
        vm.prank(pauser);
        token.pause();
        same(keccak256(abi.encode(token.recordOf(ID))), before, "no record changes");
        refuses(pauser, abi.encodeCall(token.revoke, (ID, REASON)), notAuthorized(pauser));
        refuses(pauser, abi.encodeCall(token.suspend, (ID, REASON)), notAuthorized(pauser));
        refuses(pauser, abi.encodeCall(token.suspendIssuer, (issuer)), lacks(pauser, token.REGISTRAR_ROLE()));
        refuses(pauser, abi.encodeCall(token.authorizeIssuer, (pauser)), lacks(pauser, 0));
        vm.prank(buyer);
        token.stopRecovery(ID);
        vm.prank(issuer);
        token.suspend(ID, REASON);
        vm.prank(issuer);
        token.restore(ID, REASON);
        vm.prank(issuer);
        token.revoke(ID, REASON);
        bytes32 role = token.PAUSER_ROLE();
        vm.prank(admin);
        token.revokeRole(role, pauser);
        refuses(pauser, abi.encodeCall(token.unpause, ()), lacks(pauser, role));
    }

    function test_stolenAdmin__asSuch__touchesNoRecord() public {
        issueTo(buyer);
        refuses(admin, abi.encodeCall(token.issue, (admin, NEXT)), notAuthorized(admin));
        refuses(admin, abi.encodeCall(token.amend, (ID, NEXT)), notAuthorized(admin));
        refuses(admin, abi.encodeCall(token.suspend, (ID, REASON)), notAuthorized(admin));
        refuses(admin, abi.encodeCall(token.revoke, (ID, REASON)), notAuthorized(admin));
        refuses(admin, abi.encodeCall(token.pause, ()), lacks(admin, token.PAUSER_ROLE()));
        bytes32 role = token.REGISTRAR_ROLE();
        refuses(admin, abi.encodeCall(token.proposeRecovery, (ID, admin)), lacks(admin, role));
        refuses(admin, abi.encodeCall(token.distrustIssuer, (issuer, 1)), lacks(admin, role));
    }

    function test_stolenAdmin__withItsOwnIssuerAndRegistrar__cannotForgeThePast() public {
        issueTo(buyer);
        bytes32 role = token.REGISTRAR_ROLE();
        vm.prank(admin);
        token.authorizeIssuer(stranger);
        vm.prank(admin);
        token.grantRole(role, stranger);
        refuses(stranger, abi.encodeCall(token.issue, (stranger, DIGEST)), alreadyIssued(ID));
        refuses(stranger, abi.encodeCall(token.amend, (ID, NEXT)), notAuthorized(stranger));
        vm.prank(stranger);
        token.issue(stranger, NEXT);
        same(token.recordOf(uint256(NEXT)).issuer, stranger, "in its own name, which is on no trust list");
        vm.prank(stranger);
        token.proposeRecovery(ID, stranger);
        vm.prank(buyer);
        token.stopRecovery(ID);
        same(token.ownerOf(ID), buyer, "the holder vetoes");
        same(token.recoveryDelay(), RECOVERY_DELAY, "no shorter delay");
    }

    function test_stolenAdmin__cannotHandOverBeforeTheDelay() public {
        bytes memory rules = abi.encodeWithSelector(
            IAccessControlDefaultAdminRules.AccessControlEnforcedDefaultAdminRules.selector
        );
        refuses(admin, abi.encodeCall(token.grantRole, (bytes32(0), stranger)), rules);
        vm.prank(admin);
        token.changeDefaultAdminDelay(0);
        vm.prank(admin);
        token.beginDefaultAdminTransfer(stranger);
        uint256 at = vm.getBlockTimestamp() + ADMIN_DELAY;
        vm.warp(at);
        bytes4 early = IAccessControlDefaultAdminRules.AccessControlEnforcedDefaultAdminDelay.selector;
        refuses(stranger, abi.encodeCall(token.acceptDefaultAdminTransfer, ()), abi.encodeWithSelector(early, at));
        vm.prank(admin);
        token.cancelDefaultAdminTransfer();
        vm.warp(at + 1);
        bytes4 wrong = IAccessControlDefaultAdminRules.AccessControlInvalidDefaultAdmin.selector;
        bytes memory refusal = abi.encodeWithSelector(wrong, stranger);
        refuses(stranger, abi.encodeCall(token.acceptDefaultAdminTransfer, ()), refusal);
        same(token.defaultAdmin(), admin, "cancelled in time");
    }

    function test_stolenAdmin__cannotBringAMarkedKeyBack() public {
        vm.prank(registrar);
        token.distrustIssuer(issuer, 1);
        bytes memory refusal = abi.encodeWithSelector(IIssuers.Issuer_Distrusted.selector, issuer);
        refuses(admin, abi.encodeCall(token.authorizeIssuer, (issuer)), refusal);
        refuses(admin, abi.encodeCall(token.authorizeColleague, (issuer, colleague)), refusal);
    }

    /// @dev Two leaves: (buyer, DIGEST) and (exporter, NEXT); the proof of the first.
    function pair() internal view returns (bytes32 root, bytes32[] memory proof) {
        (bytes32 a, bytes32 b) = (token.leafOf(buyer, DIGEST), token.leafOf(exporter, NEXT));
        proof = new bytes32[](1);
        proof[0] = b;
        root = a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }

    function malleated(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        return abi.encodePacked(r, order - uint256(s), v == 27 ? uint8(28) : uint8(27));
    }

    /// @dev The form of 64 bytes of EIP-2098.
    function compact(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, uint256(s) | (uint256(v - 27) << 255));
    }
}

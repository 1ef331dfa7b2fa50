// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAnchors} from "../../contracts/interfaces/IAnchors.sol";
import {IIssuers} from "../../contracts/interfaces/IIssuers.sol";
import {IProvenanceToken, Record, Status} from "../../contracts/interfaces/IProvenanceToken.sol";
import {IRecovery} from "../../contracts/interfaces/IRecovery.sol";
import {Platform} from "./Platform.sol";

/// @dev `ProvenanceToken.tree`, the half about stolen and lost keys and about anchors.
abstract contract KeysBehavior is Platform {
    function test_authorize__twice__reverts() public {
        vm.prank(admin);
        vm.expectRevert(abi.encodeWithSelector(IIssuers.Issuer_AlreadyAuthorized.selector, issuer));
        token.authorizeIssuer(issuer);
        vm.prank(stranger);
        (bool done,) = address(token).call(abi.encodeCall(token.authorizeIssuer, (stranger)));
        truth(!done, "not by a stranger");
    }

    function test_authorizeColleague__ofTheSameOrganisation__issuesAgain() public {
        vm.prank(registrar);
        token.suspendIssuer(colleague);
        vm.prank(admin);
        token.authorizeColleague(colleague, issuer);
        truth(token.isIssuer(colleague) && token.issuerOf(colleague).index == 2, "under its number");
    }

    /// @dev Slot 6 counts the issuer keys (docs/reference/contract-storage.md).
    function test_authorize__whenAllNumbersAreUsed__reverts() public {
        vm.store(address(token), bytes32(uint256(6)), bytes32(uint256(16_382)));
        vm.prank(admin);
        token.authorizeIssuer(buyer);
        same(token.issuerOf(buyer).index, 16_383, "the last number");
        bytes memory refusal = abi.encodeWithSelector(IIssuers.Issuer_TooMany.selector);
        refuses(admin, abi.encodeCall(token.authorizeIssuer, (exporter)), refusal);
        refuses(admin, abi.encodeCall(token.authorizeColleague, (exporter, issuer)), refusal);
    }

    function test_suspendIssuer__stopsIssuesAndLeavesTrust() public {
        issueTo(buyer);
        vm.prank(registrar);
        token.suspendIssuer(issuer);
        truth(!token.isIssuer(issuer) && token.recordOf(ID).issuerTrusted, "state");
        vm.prank(issuer);
        vm.expectRevert(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, issuer));
        token.issue(buyer, NEXT);
        vm.prank(colleague);
        token.amend(ID, NEXT);
        vm.prank(admin);
        token.authorizeIssuer(issuer);
        vm.prank(issuer);
        token.issue(buyer, REASON);
        same(token.issuerOf(issuer).index, 1, "same index");
        same(token.issuerAt(1), issuer, "at index");
    }

    function test_authorizeColleague__ofAnotherOrganisation__reverts() public {
        vm.prank(registrar);
        token.suspendIssuer(colleague);
        vm.prank(admin);
        vm.expectRevert(abi.encodeWithSelector(IIssuers.Issuer_AlreadyAuthorized.selector, colleague));
        token.authorizeColleague(colleague, competitor);
        vm.prank(admin);
        vm.expectRevert(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, stranger));
        token.authorizeColleague(colleague, stranger);
    }

    function testFuzz_distrust__marksWhatWasIssuedFromThenOn(uint32 since) public {
        vm.assume(since != 0);
        issueTo(buyer);
        uint64 time = token.recordOf(ID).issuedAt;
        vm.prank(registrar);
        token.distrustIssuer(issuer, since);
        truth(token.recordOf(ID).issuerTrusted == (time < since), "trusted");
        same(uint256(token.recordOf(ID).status), uint256(Status.Active), "still there");
    }

    function test_distrust__aForgedAmendment__isMarkedAndHealed() public {
        issueTo(buyer);
        uint64 theft = uint64(block.timestamp);
        vm.prank(issuer);
        token.amend(ID, NEXT);
        vm.prank(registrar);
        token.distrustIssuer(issuer, theft);
        truth(!token.recordOf(ID).issuerTrusted, "marked");
        later();
        vm.prank(colleague);
        token.amend(ID, DIGEST);
        Record memory record = token.recordOf(ID);
        truth(record.issuerTrusted && record.digest == DIGEST && record.version == 3, "healed");
    }

    function test_distrust__movesEarlierOnly() public {
        vm.prank(registrar);
        token.distrustIssuer(issuer, 1000);
        vm.prank(registrar);
        vm.expectRevert(abi.encodeWithSelector(IIssuers.Issuer_MarkNotEarlier.selector, issuer, 1000, 1000));
        token.distrustIssuer(issuer, 1000);
        vm.prank(registrar);
        token.distrustIssuer(issuer, 999);
        vm.prank(admin);
        vm.expectRevert(abi.encodeWithSelector(IIssuers.Issuer_Distrusted.selector, issuer));
        token.authorizeIssuer(issuer);
    }

    function test_recovery__notByTheRegistrar__reverts() public {
        issueTo(buyer);
        vm.prank(admin);
        (bool done,) = address(token).call(abi.encodeCall(token.proposeRecovery, (ID, exporter)));
        truth(!done, "not by the admin");
    }

    function testFuzz_recovery__beforeItsDelay__reverts(uint48 wait) public {
        wait = wait % RECOVERY_DELAY;
        issueTo(buyer);
        vm.prank(registrar);
        token.proposeRecovery(ID, exporter);
        uint48 executableAt = uint48(block.timestamp) + RECOVERY_DELAY;
        truth(token.recordOf(ID).recovering, "recovering");
        vm.prank(registrar);
        vm.expectRevert(abi.encodeWithSelector(IRecovery.Recovery_UnderWay.selector, ID));
        token.proposeRecovery(ID, stranger);
        vm.warp(block.timestamp + wait);
        vm.expectRevert(abi.encodeWithSelector(IRecovery.Recovery_TooEarly.selector, ID, executableAt));
        token.executeRecovery(ID);
    }

    function test_recovery__afterItsDelay__isExecutedByAnyone() public {
        issueTo(buyer);
        vm.prank(registrar);
        token.proposeRecovery(ID, exporter);
        vm.warp(block.timestamp + RECOVERY_DELAY);
        later();
        vm.prank(stranger);
        token.executeRecovery(ID);
        Record memory record = token.recordOf(ID);
        same(record.holder, exporter, "holder");
        same(record.headBlock, block.number, "head");
        truth(!record.recovering, "over");
        same(token.balanceOf(buyer), 0, "balance");
        vm.expectRevert(abi.encodeWithSelector(IRecovery.Recovery_None.selector, ID));
        token.executeRecovery(ID);
    }

    function test_recovery__vetoedByTheHolder__isOver() public {
        issueTo(buyer);
        vm.prank(registrar);
        token.proposeRecovery(ID, exporter);
        vm.warp(block.timestamp + 2 * RECOVERY_DELAY);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, stranger));
        token.stopRecovery(ID);
        vm.prank(buyer);
        token.stopRecovery(ID);
        vm.expectRevert(abi.encodeWithSelector(IRecovery.Recovery_None.selector, ID));
        token.executeRecovery(ID);
        (address to, uint48 time) = token.recoveryOf(ID);
        truth(to == address(0) && time == 0, "forgotten");
    }

    function test_recovery__whenRevokedMeanwhile__isOver() public {
        issueTo(buyer);
        vm.prank(registrar);
        token.proposeRecovery(ID, exporter);
        vm.prank(issuer);
        token.revoke(ID, REASON);
        truth(!token.recordOf(ID).recovering, "over");
        vm.warp(block.timestamp + RECOVERY_DELAY);
        vm.expectRevert(
            abi.encodeWithSelector(IProvenanceToken.Token_WrongStatus.selector, ID, Status.Revoked)
        );
        token.executeRecovery(ID);
    }

    function test_anchor__byAnotherIssuer__takesNothing() public {
        (bytes32 root, bytes32[] memory proof) = tree();
        vm.prank(competitor);
        token.attestTree(root);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, stranger));
        token.attestTree(root);
        vm.expectRevert(abi.encodeWithSelector(IAnchors.Anchor_Unknown.selector, issuer, root));
        token.claimOne(issuer, root, buyer, DIGEST, proof);
        vm.prank(issuer);
        token.attestTree(root);
        vm.prank(issuer);
        vm.expectRevert(abi.encodeWithSelector(IAnchors.Anchor_Exists.selector, issuer, root));
        token.attestTree(root);
        vm.prank(issuer);
        vm.expectRevert(abi.encodeWithSelector(IAnchors.Anchor_ZeroRoot.selector));
        token.attestTree(0);
    }

    function test_claim__countsFromTheAnchor() public {
        (bytes32 root, bytes32[] memory proof) = tree();
        vm.prank(issuer);
        token.attestTree(root);
        uint64 time = token.anchoredAt(issuer, root);
        later();
        vm.prank(stranger);
        token.claimOne(issuer, root, buyer, DIGEST, proof);
        Record memory record = token.recordOf(ID);
        same(record.issuedAt, time, "issuedAt");
        same(record.issuer, issuer, "issuer");
        same(record.holder, buyer, "holder");
        same(record.headBlock, block.number, "head");
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Token_AlreadyIssued.selector, ID));
        token.claimOne(issuer, root, buyer, DIGEST, proof);
    }

    function testFuzz_claim__forAnotherHolder__reverts(address holder) public {
        vm.assume(holder != buyer);
        (bytes32 root, bytes32[] memory proof) = tree();
        vm.prank(issuer);
        token.attestTree(root);
        vm.expectRevert(abi.encodeWithSelector(IAnchors.Anchor_InvalidProof.selector, root));
        token.claimOne(issuer, root, holder, DIGEST, proof);
    }

    function test_revokeLeaf__canNeverBeClaimed() public {
        (bytes32 root, bytes32[] memory proof) = tree();
        vm.prank(issuer);
        token.attestTree(root);
        vm.prank(competitor);
        vm.expectRevert(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, competitor));
        token.revokeLeaf(issuer, root, buyer, DIGEST, proof, REASON);
        vm.prank(registrar);
        token.revokeLeaf(issuer, root, buyer, DIGEST, proof, REASON);
        same(uint256(token.recordOf(ID).status), uint256(Status.Revoked), "status");
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Token_AlreadyIssued.selector, ID));
        token.claimOne(issuer, root, buyer, DIGEST, proof);
        vm.prank(registrar);
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Token_AlreadyIssued.selector, ID));
        token.revokeLeaf(issuer, root, buyer, DIGEST, proof, REASON);
    }

    function testFuzz_claim__whenTheIssuerIsMarked__dependsOnTheAnchorsTime(bool before) public {
        (bytes32 root, bytes32[] memory proof) = tree();
        vm.prank(issuer);
        token.attestTree(root);
        uint64 since = before ? uint64(block.timestamp) + 1 : uint64(block.timestamp);
        vm.prank(registrar);
        token.distrustIssuer(issuer, since);
        if (!before) vm.expectRevert(abi.encodeWithSelector(IAnchors.Anchor_Distrusted.selector, issuer, root));
        token.claimOne(issuer, root, buyer, DIGEST, proof);
        same(token.balanceOf(buyer), before ? 1 : 0, "balance");
    }

    function test_claimMany__byOneMultiproof() public {
        (bytes32 root,) = tree();
        vm.prank(issuer);
        token.attestTree(root);
        address[] memory holders = new address[](2);
        bytes32[] memory digests = new bytes32[](2);
        (holders[0], holders[1], digests[0], digests[1]) = (buyer, exporter, DIGEST, NEXT);
        bool[] memory flags = new bool[](1);
        flags[0] = true;
        token.claimMany(issuer, root, holders, digests, new bytes32[](0), flags);
        same(token.ownerOf(uint256(NEXT)), exporter, "owner");
        same(token.ownerOf(ID), buyer, "owner");
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Batch_LengthMismatch.selector, 0, 0));
        token.claimMany(issuer, root, new address[](0), new bytes32[](0), new bytes32[](0), flags);
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Batch_LengthMismatch.selector, 1, 2));
        token.claimMany(issuer, root, one(buyer), digests, new bytes32[](0), flags);
        digests[1] = REASON;
        vm.expectRevert(abi.encodeWithSelector(IAnchors.Anchor_InvalidProof.selector, root));
        token.claimMany(issuer, root, holders, digests, new bytes32[](0), flags);
    }

    function test_leafOf__isOpenZeppelins() public view {
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(buyer, DIGEST))));
        same(token.leafOf(buyer, DIGEST), leaf, "leaf");
    }

    /// @dev Two leaves: (buyer, DIGEST) and (exporter, NEXT); the proof of the first.
    function tree() internal view returns (bytes32 root, bytes32[] memory proof) {
        (bytes32 a, bytes32 b) = (token.leafOf(buyer, DIGEST), token.leafOf(exporter, NEXT));
        proof = new bytes32[](1);
        proof[0] = b;
        root = a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }
}

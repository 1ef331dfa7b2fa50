// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {IERC721} from "@openzeppelin/contracts/interfaces/IERC721.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {ExportContract} from "../../contracts/ExportContract.sol";
import {ProductContent} from "../../contracts/ProductContent.sol";
import {IAnchors} from "../../contracts/interfaces/IAnchors.sol";
import {IERC5192} from "../../contracts/interfaces/IERC5192.sol";
import {IExportContract} from "../../contracts/interfaces/IExportContract.sol";
import {IIssuers} from "../../contracts/interfaces/IIssuers.sol";
import {IProductContent} from "../../contracts/interfaces/IProductContent.sol";
import {HolderChange, IProvenanceToken, Record, Refusal, Status} from "../../contracts/interfaces/IProvenanceToken.sol";
import {IRecovery} from "../../contracts/interfaces/IRecovery.sol";
import {Platform, Preset} from "./Platform.sol";
import {Vm} from "./Test.sol";

interface World {
    function deal(address account, uint256 balance) external;
    function store(address target, bytes32 slot, bytes32 value) external;
}

/// @dev What the faults of `scripts/mutate` showed that nothing asked: who may not, exact bounds, exact events.
abstract contract Mutants is Platform {
    bytes32 internal constant ROOT_REASON = keccak256("root");

    /// @dev Every log since `vm.recordLogs()`, in order, and no other.
    function heard(bytes32[] memory expected) internal {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        same(logs.length, expected.length, "logs");
        for (uint256 i; i < logs.length; ++i) {
            same(keccak256(abi.encode(logs[i].topics, logs[i].data)), expected[i], "log");
        }
    }

    function heard(bytes32 first) internal {
        bytes32[] memory expected = new bytes32[](1);
        expected[0] = first;
        heard(expected);
    }

    function heard(bytes32 first, bytes32 second) internal {
        bytes32[] memory expected = new bytes32[](2);
        (expected[0], expected[1]) = (first, second);
        heard(expected);
    }

    function heard(bytes32 first, bytes32 second, bytes32 third) internal {
        bytes32[] memory expected = new bytes32[](3);
        (expected[0], expected[1], expected[2]) = (first, second, third);
        heard(expected);
    }

    function said(bytes32 name, bytes memory data) internal pure returns (bytes32) {
        bytes32[] memory topics = new bytes32[](1);
        topics[0] = name;
        return keccak256(abi.encode(topics, data));
    }

    function said(bytes32 name, uint256 a, bytes memory data) internal pure returns (bytes32) {
        bytes32[] memory topics = new bytes32[](2);
        (topics[0], topics[1]) = (name, bytes32(a));
        return keccak256(abi.encode(topics, data));
    }

    function said(bytes32 name, uint256 a, address b, bytes memory data) internal pure returns (bytes32) {
        bytes32[] memory topics = new bytes32[](3);
        (topics[0], topics[1], topics[2]) = (name, bytes32(a), word(b));
        return keccak256(abi.encode(topics, data));
    }

    function said(bytes32 name, uint256 a, address b, address c, bytes memory data) internal pure returns (bytes32) {
        bytes32[] memory topics = new bytes32[](4);
        (topics[0], topics[1], topics[2], topics[3]) = (name, bytes32(a), word(b), word(c));
        return keccak256(abi.encode(topics, data));
    }

    function moved(address from, address to) internal pure returns (bytes32) {
        bytes32[] memory topics = new bytes32[](4);
        (topics[0], topics[1], topics[2], topics[3]) = (IERC721.Transfer.selector, word(from), word(to), DIGEST);
        return keccak256(abi.encode(topics, bytes("")));
    }

    function status(address actor, Status next, uint256 before) internal pure returns (bytes32) {
        return said(IProvenanceToken.StatusChanged.selector, ID, actor, abi.encode(next, REASON, before));
    }

    function word(address account) internal pure returns (bytes32) {
        return bytes32(uint256(uint160(account)));
    }

    function index(address account) internal pure returns (uint256) {
        return uint160(account);
    }

    function head() internal view returns (uint256) {
        return token.recordOf(ID).headBlock;
    }

    function barred(address account, bytes32 role) internal {
        vm.prank(account);
        vm.expectRevert(abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, account, role));
    }

    function refuses(bytes memory reason, address caller) internal {
        vm.prank(caller);
        vm.expectRevert(reason);
    }

    function amendedBy(address account) internal {
        vm.prank(account);
        token.amend(ID, NEXT);
    }

    function suspendedBy(address account) internal {
        vm.prank(account);
        token.suspend(ID, REASON);
    }

    function proposed(address to) internal {
        vm.prank(registrar);
        token.proposeRecovery(ID, to);
    }

    function paused() internal {
        vm.prank(pauser);
        token.pause();
    }
}

abstract contract IssuerMutants is Mutants {
    function test_roles__eachNeedsItsOwn() public {
        (bytes32 registrarRole, bytes32 pauserRole) = (token.REGISTRAR_ROLE(), token.PAUSER_ROLE());
        for (uint256 i; i < 4; ++i) {
            address account = [issuer, stranger, admin, i == 3 ? registrar : pauser][i];
            barred(i == 2 ? registrar : account, 0);
            token.authorizeIssuer(stranger);
            barred(i == 2 ? registrar : account, 0);
            token.authorizeColleague(stranger, issuer);
            barred(i == 3 ? pauser : account, registrarRole);
            token.suspendIssuer(issuer);
            barred(i == 3 ? pauser : account, registrarRole);
            token.distrustIssuer(issuer, 1);
            barred(i == 3 ? registrar : account, pauserRole);
            token.pause();
            barred(i == 3 ? registrar : account, pauserRole);
            token.unpause();
        }
    }

    function test_authorize__saysWhom() public {
        vm.recordLogs();
        vm.prank(admin);
        token.authorizeIssuer(stranger);
        heard(said(IIssuers.IssuerAuthorized.selector, index(stranger), abi.encode(4, 4)));
        same(token.issuerAt(4), stranger, "issuerAt");
        same(token.issuerOf(stranger).organisation, 4, "organisation");
        vm.recordLogs();
        vm.prank(admin);
        token.authorizeColleague(buyer, stranger);
        heard(said(IIssuers.IssuerAuthorized.selector, index(buyer), abi.encode(5, 4)));
        truth(token.isIssuer(buyer) && !token.isIssuer(exporter), "isIssuer");
    }

    function test_authorize__againAfterASuspension__keepsItsPlace() public {
        vm.prank(registrar);
        token.suspendIssuer(colleague);
        vm.recordLogs();
        vm.prank(admin);
        token.authorizeColleague(colleague, issuer);
        heard(said(IIssuers.IssuerAuthorized.selector, index(colleague), abi.encode(2, 1)));
        vm.prank(registrar);
        token.suspendIssuer(competitor);
        vm.prank(admin);
        token.authorizeIssuer(competitor);
        same(token.issuerOf(competitor).index, 3, "index");
        same(token.issuerOf(competitor).organisation, 3, "organisation");
    }

    function test_authorize__nobody__reverts() public {
        refuses(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, address(0)), admin);
        token.authorizeIssuer(address(0));
        refuses(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, stranger), admin);
        token.authorizeColleague(buyer, stranger);
        refuses(abi.encodeWithSelector(IIssuers.Issuer_AlreadyAuthorized.selector, colleague), admin);
        token.authorizeColleague(colleague, issuer);
    }

    function test_authorize__whenTheNumbersAreUsedUp__reverts() public {
        World(address(vm)).store(address(token), bytes32(uint256(6)), bytes32(uint256(16_382)));
        vm.prank(admin);
        token.authorizeIssuer(stranger);
        same(token.issuerOf(stranger).index, 16_383, "index");
        refuses(abi.encodeWithSelector(IIssuers.Issuer_TooMany.selector), admin);
        token.authorizeIssuer(buyer);
    }

    function test_suspendIssuer__saysWhom__andOnlyOnce() public {
        vm.recordLogs();
        vm.prank(registrar);
        token.suspendIssuer(issuer);
        heard(said(IIssuers.IssuerSuspended.selector, index(issuer), ""));
        refuses(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, issuer), registrar);
        token.suspendIssuer(issuer);
        truth(!token.isIssuer(issuer) && token.isIssuer(colleague), "active");
        refuses(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, issuer), issuer);
        token.issue(buyer, DIGEST);
        vm.prank(colleague);
        token.issue(buyer, DIGEST);
        same(token.recordOf(ID).issuer, colleague, "issuer");
    }

    function test_suspendIssuer__ofAnother__leavesTheFirst() public {
        vm.prank(registrar);
        token.suspendIssuer(competitor);
        issueTo(buyer);
        same(token.recordOf(ID).issuer, issuer, "issuer");
        vm.prank(registrar);
        token.suspendIssuer(issuer);
        vm.prank(admin);
        token.authorizeIssuer(competitor);
        vm.prank(competitor);
        token.issue(buyer, NEXT);
        same(token.recordOf(uint256(NEXT)).issuer, competitor, "issuer");
    }

    function test_distrustIssuer__saysSinceWhen() public {
        vm.recordLogs();
        vm.prank(registrar);
        token.distrustIssuer(issuer, 7);
        heard(said(IIssuers.IssuerDistrusted.selector, index(issuer), abi.encode(7)));
        same(token.issuerOf(issuer).distrustedSince, 7, "since");
        truth(!token.isIssuer(issuer), "active");
        refuses(abi.encodeWithSelector(IIssuers.Issuer_MarkNotEarlier.selector, issuer, 7, 7), registrar);
        token.distrustIssuer(issuer, 7);
        refuses(abi.encodeWithSelector(IIssuers.Issuer_MarkNotEarlier.selector, issuer, 7, 0), registrar);
        token.distrustIssuer(issuer, 0);
        refuses(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, stranger), registrar);
        token.distrustIssuer(stranger, 1);
        refuses(abi.encodeWithSelector(IIssuers.Issuer_Distrusted.selector, issuer), admin);
        token.authorizeIssuer(issuer);
        vm.prank(registrar);
        token.distrustIssuer(issuer, 1);
    }

    function test_pause__saysWho__andStopsEveryNewRecord() public {
        issueTo(buyer);
        vm.recordLogs();
        paused();
        heard(said(IIssuers.Paused.selector, abi.encode(pauser)));
        truth(token.paused(), "paused");
        bytes memory stopped = abi.encodeWithSelector(IIssuers.Roles_Paused.selector);
        refuses(stopped, issuer);
        token.amend(ID, NEXT);
        refuses(stopped, issuer);
        token.attestTree(NEXT);
        refuses(stopped, colleague);
        token.issue(buyer, NEXT);
        refuses(stopped, registrar);
        token.proposeRecovery(ID, exporter);
        refuses(stopped, stranger);
        token.claimOne(issuer, NEXT, buyer, NEXT, new bytes32[](0));
        vm.recordLogs();
        vm.prank(pauser);
        token.unpause();
        heard(said(IIssuers.Unpaused.selector, abi.encode(pauser)));
        truth(!token.paused(), "unpaused");
    }
}

abstract contract RecordMutants is Mutants {
    function test_amend__saysAll() public {
        issueTo(buyer);
        uint256 before = head();
        vm.recordLogs();
        amendedBy(issuer);
        heard(
            said(IProvenanceToken.Amended.selector, ID, issuer, abi.encode(NEXT, 2, before)),
            said(IERC4906.MetadataUpdate.selector, abi.encode(ID))
        );
        refuses(abi.encodeWithSelector(IProvenanceToken.Digest_Zero.selector), issuer);
        token.amend(ID, 0);
        refuses(abi.encodeWithSelector(IProvenanceToken.Token_SameDigest.selector, ID), issuer);
        token.amend(ID, NEXT);
        vm.prank(issuer);
        token.amend(ID, DIGEST);
        same(token.recordOf(ID).version, 3, "version");
        same(token.recordOf(ID).digest, DIGEST, "digest");
    }

    function test_revoke__saysAll() public {
        issueTo(buyer);
        uint256 before = head();
        vm.recordLogs();
        vm.prank(issuer);
        token.revoke(ID, REASON);
        heard(moved(buyer, address(0)), status(issuer, Status.Revoked, before));
    }

    function test_revoke__whileRecovering__endsTheRecovery() public {
        issueTo(buyer);
        proposed(exporter);
        uint256 before = head();
        vm.recordLogs();
        vm.prank(registrar);
        token.revoke(ID, REASON);
        heard(
            said(IRecovery.RecoveryStopped.selector, ID, registrar, abi.encode(before)),
            moved(buyer, address(0)),
            status(registrar, Status.Revoked, before)
        );
        truth(!token.recordOf(ID).recovering, "over");
        (address to, uint48 moment) = token.recoveryOf(ID);
        truth(to == address(0) && moment == 0, "forgotten");
    }

    function test_revoke__whileSuspended() public {
        issueTo(buyer);
        suspendedBy(registrar);
        truth(token.recordOf(ID).held, "held");
        vm.prank(issuer);
        token.revoke(ID, REASON);
        truth(!token.recordOf(ID).held, "held no more");
    }

    function test_status__byWhomItIsNot__reverts() public {
        issueTo(buyer);
        for (uint256 i; i < 3; ++i) {
            address account = [competitor, stranger, buyer][i];
            bytes memory refusal = abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, account);
            refuses(refusal, account);
            token.suspend(ID, REASON);
            refuses(refusal, account);
            token.revoke(ID, REASON);
        }
        suspendedBy(issuer);
        refuses(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, competitor), competitor);
        token.restore(ID, REASON);
        vm.prank(registrar);
        token.suspendIssuer(issuer);
        refuses(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, issuer), issuer);
        token.restore(ID, REASON);
        vm.prank(colleague);
        token.restore(ID, REASON);
        same(uint256(token.recordOf(ID).status), uint256(Status.Active), "status");
        truth(!token.recordOf(ID).held, "held by nobody");
        suspendedBy(registrar);
        vm.prank(registrar);
        token.restore(ID, REASON);
        truth(!token.recordOf(ID).held, "held no more");
    }

    function test_suspend__whatIsNotActive__reverts() public {
        refuses(abi.encodeWithSelector(IProvenanceToken.Token_WrongStatus.selector, ID, Status.Unknown), issuer);
        token.suspend(ID, REASON);
        refuses(abi.encodeWithSelector(IProvenanceToken.Token_WrongStatus.selector, ID, Status.Unknown), issuer);
        token.revoke(ID, REASON);
        issueTo(buyer);
        refuses(abi.encodeWithSelector(IProvenanceToken.Token_WrongStatus.selector, ID, Status.Active), issuer);
        token.restore(ID, REASON);
        suspendedBy(issuer);
        refuses(abi.encodeWithSelector(IProvenanceToken.Token_WrongStatus.selector, ID, Status.Suspended), issuer);
        token.suspend(ID, REASON);
    }

    function test_precheck__saysWhatIssueManyWould() public {
        issueTo(buyer);
        (address[] memory holders, bytes32[] memory digests) = (new address[](5), new bytes32[](5));
        (holders[0], digests[0]) = (buyer, DIGEST);
        (holders[1], digests[1]) = (address(0), NEXT);
        (holders[2], digests[2]) = (buyer, 0);
        (holders[3], digests[3]) = (buyer, NEXT);
        (holders[4], digests[4]) = (buyer, NEXT);
        Refusal[] memory found = token.precheck(holders, digests);
        truth(found[0] == Refusal.AlreadyIssued && found[1] == Refusal.ZeroHolder, "first");
        truth(found[2] == Refusal.ZeroDigest && found[4] == Refusal.AlreadyIssued, "last");
        digests[1] = REASON;
        holders[1] = exporter;
        found = token.precheck(holders, digests);
        truth(found[1] == Refusal.None && found[3] == Refusal.None, "none");
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Batch_LengthMismatch.selector, 1, 5));
        token.precheck(one(buyer), digests);
    }

    function test_records__ofUnknownTokens__areEmpty() public {
        Record memory unknown = token.recordOf(uint256(NEXT));
        same(keccak256(abi.encode(unknown)), keccak256(abi.encode(new Record[](1)[0])), "unknown");
        issueTo(buyer);
        uint256[] memory ids = new uint256[](2);
        (ids[0], ids[1]) = (ID, uint256(NEXT));
        Record[] memory records = token.recordsOf(ids);
        same(keccak256(abi.encode(records[0])), keccak256(abi.encode(token.recordOf(ID))), "first");
        same(keccak256(abi.encode(records[1])), keccak256(abi.encode(unknown)), "second");
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, uint256(NEXT)));
        token.getApproved(uint256(NEXT));
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, uint256(NEXT)));
        token.tokenURI(uint256(NEXT));
    }
}

abstract contract AnchorMutants is Mutants {
    function anchored() internal returns (bytes32 root) {
        root = token.leafOf(buyer, DIGEST);
        vm.prank(issuer);
        token.attestTree(root);
    }

    function test_attestTree__saysWhose() public {
        vm.recordLogs();
        bytes32 root = anchored();
        bytes32[] memory topics = new bytes32[](3);
        (topics[0], topics[1], topics[2]) = (IAnchors.Anchored.selector, word(issuer), root);
        heard(keccak256(abi.encode(topics, bytes(""))));
        same(token.anchoredAt(issuer, root), block.timestamp, "anchoredAt");
        refuses(abi.encodeWithSelector(IAnchors.Anchor_ZeroRoot.selector), issuer);
        token.attestTree(0);
        refuses(abi.encodeWithSelector(IAnchors.Anchor_Exists.selector, issuer, root), issuer);
        token.attestTree(root);
        refuses(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, stranger), stranger);
        token.attestTree(root);
    }

    function test_claim__ofWhatWasNotAnchored__reverts() public {
        bytes32[] memory none = new bytes32[](0);
        vm.expectRevert(abi.encodeWithSelector(IAnchors.Anchor_Unknown.selector, issuer, NEXT));
        token.claimOne(issuer, NEXT, buyer, DIGEST, none);
        bytes32 root = anchored();
        vm.expectRevert(abi.encodeWithSelector(IAnchors.Anchor_InvalidProof.selector, root));
        token.claimOne(issuer, root, buyer, NEXT, none);
        token.claimOne(issuer, root, buyer, DIGEST, none);
        same(token.recordOf(ID).issuer, issuer, "issuer");
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Token_AlreadyIssued.selector, ID));
        token.claimOne(issuer, root, buyer, DIGEST, none);
    }

    function test_claimMany__wrongLists__revert() public {
        bytes32 root = anchored();
        bytes32[] memory none = new bytes32[](0);
        bool[] memory flags = new bool[](0);
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Batch_LengthMismatch.selector, 1, 0));
        token.claimMany(issuer, root, one(buyer), none, none, flags);
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Batch_LengthMismatch.selector, 0, 0));
        token.claimMany(issuer, root, new address[](0), none, none, flags);
        bytes32[] memory digests = new bytes32[](1);
        digests[0] = NEXT;
        vm.expectRevert(abi.encodeWithSelector(IAnchors.Anchor_InvalidProof.selector, root));
        token.claimMany(issuer, root, one(buyer), digests, none, flags);
        digests[0] = DIGEST;
        token.claimMany(issuer, root, one(buyer), digests, none, flags);
        same(token.ownerOf(ID), buyer, "owner");
        same(token.recordOf(ID).issuer, issuer, "issuer");
    }

    function test_claim__whenTheIssuerIsSuspendedOnly__works() public {
        bytes32 root = anchored();
        vm.prank(registrar);
        token.suspendIssuer(issuer);
        token.claimOne(issuer, root, buyer, DIGEST, new bytes32[](0));
        same(token.ownerOf(ID), buyer, "owner");
    }

    function test_revokeLeaf__saysAllAndLeavesATombstone() public {
        bytes32 root = anchored();
        uint256 time = token.anchoredAt(issuer, root);
        later();
        vm.recordLogs();
        vm.prank(colleague);
        token.revokeLeaf(issuer, root, buyer, DIGEST, new bytes32[](0), REASON);
        heard(status(colleague, Status.Revoked, 0));
        Record memory record = token.recordOf(ID);
        same(uint256(record.status), uint256(Status.Revoked), "status");
        same(record.issuer, issuer, "issuer");
        same(record.issuedAt, time, "issuedAt");
        same(record.headBlock, block.number, "headBlock");
        truth(!record.held && !record.recovering && record.holder == address(0), "plain");
    }

    function test_revokeLeaf__byWhomOrWhereItIsNot__reverts() public {
        bytes32 root = anchored();
        bytes32[] memory none = new bytes32[](0);
        refuses(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, competitor), competitor);
        token.revokeLeaf(issuer, root, buyer, DIGEST, none, REASON);
        refuses(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, stranger), stranger);
        token.revokeLeaf(issuer, root, buyer, DIGEST, none, REASON);
        refuses(abi.encodeWithSelector(IAnchors.Anchor_Unknown.selector, competitor, root), registrar);
        token.revokeLeaf(competitor, root, buyer, DIGEST, none, REASON);
        refuses(abi.encodeWithSelector(IAnchors.Anchor_InvalidProof.selector, root), registrar);
        token.revokeLeaf(issuer, root, buyer, NEXT, none, REASON);
        token.claimOne(issuer, root, buyer, DIGEST, none);
        refuses(abi.encodeWithSelector(IProvenanceToken.Token_AlreadyIssued.selector, ID), registrar);
        token.revokeLeaf(issuer, root, buyer, DIGEST, none, REASON);
    }

    function test_revokeLeaf__byTheRegistrar() public {
        bytes32 root = anchored();
        vm.prank(registrar);
        token.revokeLeaf(issuer, root, buyer, DIGEST, new bytes32[](0), REASON);
        same(uint256(token.recordOf(ID).status), uint256(Status.Revoked), "status");
    }
}

abstract contract RecoveryMutants is Mutants {
    function test_recovery__saysAll() public {
        issueTo(buyer);
        uint256 before = head();
        vm.recordLogs();
        proposed(exporter);
        uint256 moment = vm.getBlockTimestamp() + RECOVERY_DELAY;
        heard(said(IRecovery.RecoveryProposed.selector, ID, buyer, exporter, abi.encode(moment, before)));
        (address to, uint48 executableAt) = token.recoveryOf(ID);
        truth(to == exporter && executableAt == moment && token.recordOf(ID).recovering, "proposal");
        later();
        before = head();
        vm.warp(moment - 1);
        vm.expectRevert(abi.encodeWithSelector(IRecovery.Recovery_TooEarly.selector, ID, moment));
        token.executeRecovery(ID);
        vm.warp(moment);
        vm.recordLogs();
        token.executeRecovery(ID);
        heard(
            moved(buyer, exporter),
            said(
                IProvenanceToken.HolderChanged.selector,
                ID,
                buyer,
                exporter,
                abi.encode(HolderChange.Recovery, before)
            )
        );
        (to, executableAt) = token.recoveryOf(ID);
        truth(to == address(0) && executableAt == 0 && !token.recordOf(ID).recovering, "over");
        same(head(), block.number, "head");
    }

    function test_recovery__stopped__saysByWhom() public {
        issueTo(buyer);
        proposed(exporter);
        uint256 before = head();
        later();
        vm.recordLogs();
        vm.prank(registrar);
        token.stopRecovery(ID);
        heard(said(IRecovery.RecoveryStopped.selector, ID, registrar, abi.encode(before)));
        (address to, uint48 moment) = token.recoveryOf(ID);
        truth(to == address(0) && moment == 0 && !token.recordOf(ID).recovering, "over");
        same(head(), block.number, "head");
        refuses(abi.encodeWithSelector(IRecovery.Recovery_None.selector, ID), registrar);
        token.stopRecovery(ID);
        vm.expectRevert(abi.encodeWithSelector(IRecovery.Recovery_None.selector, ID));
        token.executeRecovery(ID);
    }

    function test_recovery__wrong__reverts() public {
        refuses(abi.encodeWithSelector(IProvenanceToken.Token_WrongStatus.selector, ID, Status.Unknown), registrar);
        token.proposeRecovery(ID, exporter);
        issueTo(buyer);
        refuses(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(0)), registrar);
        token.proposeRecovery(ID, address(0));
        refuses(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, buyer), registrar);
        token.proposeRecovery(ID, buyer);
        proposed(exporter);
        refuses(abi.encodeWithSelector(IRecovery.Recovery_UnderWay.selector, ID), registrar);
        token.proposeRecovery(ID, exporter);
        refuses(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, stranger), stranger);
        token.stopRecovery(ID);
        vm.warp(block.timestamp + RECOVERY_DELAY);
        paused();
        vm.expectRevert(abi.encodeWithSelector(IIssuers.Roles_Paused.selector));
        token.executeRecovery(ID);
        vm.prank(pauser);
        token.unpause();
        suspendedBy(issuer);
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Token_WrongStatus.selector, ID, Status.Suspended));
        token.executeRecovery(ID);
    }

    function test_recoveryDelay__fromADayToNinety() public {
        this.deployed(1 days);
        this.deployed(90 days);
        vm.expectRevert(abi.encodeWithSelector(IRecovery.Recovery_InvalidDelay.selector, 1 days - 1));
        this.deployed(1 days - 1);
        vm.expectRevert(abi.encodeWithSelector(IRecovery.Recovery_InvalidDelay.selector, 90 days + 1));
        this.deployed(90 days + 1);
    }

    function deployed(uint48 delay) external {
        same(new ExportContract(admin, ADMIN_DELAY, delay).recoveryDelay(), delay, "delay");
    }
}

contract ExportContractMutantsTest is Mutants {
    ExportContract internal export;

    function deploy() internal override returns (Preset) {
        export = new ExportContract(admin, ADMIN_DELAY, RECOVERY_DELAY);
        return Preset(address(export));
    }

    function test_issue__saysAll() public {
        vm.recordLogs();
        vm.prank(issuer);
        same(token.issue(buyer, DIGEST), ID, "id");
        heard(
            moved(address(0), buyer),
            said(IProvenanceToken.Issued.selector, ID, issuer, buyer, ""),
            said(IERC5192.Locked.selector, abi.encode(ID))
        );
    }

    function test_suspendAndRestore__sayAll() public {
        issueTo(buyer);
        uint256 before = head();
        vm.recordLogs();
        suspendedBy(issuer);
        heard(status(issuer, Status.Suspended, before));
        later();
        before = head();
        vm.recordLogs();
        vm.prank(issuer);
        token.restore(ID, REASON);
        heard(status(issuer, Status.Active, before));
    }

    function test_issueConsented__saysAll__untilTheDeadline() public {
        IExportContract.Deal memory deal =
            IExportContract.Deal(DIGEST, issuer, exporter, buyer, stranger, block.timestamp);
        bytes32 digest = export.dealDigest(deal);
        vm.recordLogs();
        vm.prank(issuer);
        same(
            export.issueConsented(deal, signature(EXPORTER_KEY, digest), signature(BUYER_KEY, digest), ""), ID, "id"
        );
        bytes32[] memory expected = new bytes32[](4);
        expected[0] = moved(address(0), stranger);
        expected[1] = said(IProvenanceToken.Issued.selector, ID, issuer, stranger, "");
        expected[2] = said(IERC5192.Locked.selector, abi.encode(ID));
        expected[3] = said(IExportContract.Consented.selector, ID, exporter, buyer, "");
        heard(expected);
    }

    function test_issueConsented__whilePausedOrByNoIssuer__reverts() public {
        IExportContract.Deal memory deal =
            IExportContract.Deal(DIGEST, stranger, exporter, buyer, buyer, block.timestamp);
        refuses(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, stranger), stranger);
        export.issueConsented(deal, "", "", "");
        deal.issuer = issuer;
        paused();
        refuses(abi.encodeWithSelector(IIssuers.Roles_Paused.selector), issuer);
        export.issueConsented(deal, "", "", "");
    }

    function test_assign__saysAll__untilTheDeadline() public {
        issueTo(buyer);
        uint256 before = head();
        IExportContract.Assignment memory assignment =
            IExportContract.Assignment(ID, buyer, exporter, uint64(before), block.timestamp);
        bytes32 digest = export.assignmentDigest(assignment);
        (bytes memory a, bytes memory b) = (signature(BUYER_KEY, digest), signature(EXPORTER_KEY, digest));
        vm.warp(block.timestamp + 1);
        vm.expectRevert(abi.encodeWithSelector(IExportContract.Consent_Expired.selector, assignment.deadline));
        export.assign(assignment, a, b);
        vm.warp(assignment.deadline);
        vm.expectRevert(abi.encodeWithSelector(IExportContract.Consent_InvalidSignature.selector, buyer));
        export.assign(assignment, b, b);
        vm.recordLogs();
        export.assign(assignment, a, b);
        heard(
            moved(buyer, exporter),
            said(
                IProvenanceToken.HolderChanged.selector,
                ID,
                buyer,
                exporter,
                abi.encode(HolderChange.Assignment, before)
            )
        );
    }

    function test_assign__whilePausedOrSuspended__reverts() public {
        issueTo(buyer);
        IExportContract.Assignment memory assignment =
            IExportContract.Assignment(ID, buyer, exporter, uint64(head()), block.timestamp);
        paused();
        vm.expectRevert(abi.encodeWithSelector(IIssuers.Roles_Paused.selector));
        export.assign(assignment, "", "");
        vm.prank(pauser);
        token.unpause();
        suspendedBy(issuer);
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Token_WrongStatus.selector, ID, Status.Suspended));
        export.assign(assignment, "", "");
    }

    function test_unknownToken__isNonexistent() public {
        bytes memory refusal = abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, ID);
        vm.expectRevert(refusal);
        export.transferFrom(buyer, exporter, ID);
        vm.expectRevert(refusal);
        export.approve(exporter, ID);
        vm.expectRevert(refusal);
        export.locked(ID);
    }

    function test_names__areWhatIsSigned() public view {
        same(keccak256(bytes(export.name())), keccak256("Export Contract"), "name");
        same(keccak256(bytes(export.symbol())), keccak256("EXPORT"), "symbol");
        (, string memory name, string memory version, uint256 chain, address verifier,,) = export.eip712Domain();
        same(keccak256(bytes(name)), keccak256("Export Contract"), "domain");
        same(keccak256(bytes(version)), keccak256("1"), "version");
        truth(chain == block.chainid && verifier == address(export), "place");
    }
}

/// @dev Keeps what it was called with.
contract Notary {
    bytes32 public heard;

    function onERC721Received(address operator, address from, uint256 id, bytes calldata data)
        external
        returns (bytes4)
    {
        heard = keccak256(abi.encode(operator, from, id, data));
        return this.onERC721Received.selector;
    }
}

/// @dev Answers with too little, with the answer of a call that failed, or not at all.
contract Mute {
    bool private immutable _fails;

    constructor(bool fails) {
        _fails = fails;
    }

    fallback() external {
        bytes32 answer = bytes32(bytes4(0x150b7a02));
        bool fails = _fails;
        assembly {
            mstore(0, answer)
            if fails { revert(0, 32) }
            return(0, 0)
        }
    }
}

contract ProductContentMutantsTest is IssuerMutants, RecordMutants, AnchorMutants, RecoveryMutants {
    ProductContent internal product;

    function deploy() internal override returns (Preset) {
        product = new ProductContent(admin, ADMIN_DELAY, RECOVERY_DELAY, issuer, 250);
        return Preset(address(product));
    }

    function test_issue__saysAll() public {
        vm.recordLogs();
        vm.prank(issuer);
        same(token.issue(buyer, DIGEST), ID, "id");
        heard(moved(address(0), buyer), said(IProvenanceToken.Issued.selector, ID, issuer, buyer, ""));
        same(token.balanceOf(buyer), 1, "balance");
    }

    function test_suspendAndRestore__sayAll() public {
        issueTo(buyer);
        uint256 before = head();
        vm.recordLogs();
        suspendedBy(issuer);
        heard(status(issuer, Status.Suspended, before), said(IERC5192.Locked.selector, abi.encode(ID)));
        truth(product.locked(ID), "locked");
        later();
        before = head();
        vm.recordLogs();
        vm.prank(issuer);
        token.restore(ID, REASON);
        heard(status(issuer, Status.Active, before), said(IERC5192.Unlocked.selector, abi.encode(ID)));
        truth(!product.locked(ID), "unlocked");
    }

    function test_locked__ofAnUnknownToken__reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, ID));
        product.locked(ID);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, ID));
        product.nonces(ID);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, ID));
        product.approve(buyer, ID);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, ID));
        product.transferFrom(buyer, exporter, ID);
    }

    function test_approve__emitsApproval() public {
        issueTo(buyer);
        vm.recordLogs();
        vm.prank(buyer);
        product.approve(exporter, ID);
        bytes32[] memory topics = new bytes32[](4);
        (topics[0], topics[1], topics[2], topics[3]) =
            (IERC721.Approval.selector, word(buyer), word(exporter), DIGEST);
        heard(keccak256(abi.encode(topics, bytes(""))));
        same(product.getApproved(ID), exporter, "approved");
        vm.prank(buyer);
        product.setApprovalForAll(stranger, true);
        vm.prank(stranger);
        product.approve(colleague, ID);
        same(product.getApproved(ID), colleague, "by the operator");
        vm.prank(colleague);
        product.transferFrom(buyer, exporter, ID);
        same(product.ownerOf(ID), exporter, "owner");
        same(product.getApproved(ID), address(0), "approval is over");
    }

    function test_value__ofAHolder__isRefused() public {
        issueTo(buyer);
        World(address(vm)).deal(buyer, 3);
        bytes memory refusal = abi.encodeWithSelector(IProvenanceToken.Token_NotPayable.selector);
        refuses(refusal, buyer);
        product.approve{value: 1}(exporter, ID);
        refuses(refusal, buyer);
        product.transferFrom{value: 1}(buyer, exporter, ID);
        refuses(refusal, buyer);
        product.safeTransferFrom{value: 1}(buyer, exporter, ID);
        refuses(refusal, buyer);
        product.safeTransferFrom{value: 1}(buyer, exporter, ID, "");
    }

    function test_setApprovalForAll__emitsApprovalForAll() public {
        vm.recordLogs();
        vm.prank(buyer);
        product.setApprovalForAll(stranger, true);
        bytes32[] memory topics = new bytes32[](3);
        (topics[0], topics[1], topics[2]) = (IERC721.ApprovalForAll.selector, word(buyer), word(stranger));
        heard(keccak256(abi.encode(topics, abi.encode(true))));
    }

    function test_transfer__saysAll() public {
        issueTo(buyer);
        proposed(stranger);
        later();
        uint256 before = head();
        vm.recordLogs();
        vm.prank(buyer);
        product.transferFrom(buyer, exporter, ID);
        heard(
            moved(buyer, exporter),
            said(IRecovery.RecoveryStopped.selector, ID, buyer, abi.encode(before)),
            said(
                IProvenanceToken.HolderChanged.selector,
                ID,
                buyer,
                exporter,
                abi.encode(HolderChange.Transfer, before)
            )
        );
        same(head(), block.number, "head");
    }

    function test_safeTransfer__tellsTheReceiverAll() public {
        issueTo(buyer);
        Notary notary = new Notary();
        vm.prank(buyer);
        product.setApprovalForAll(stranger, true);
        vm.prank(stranger);
        product.safeTransferFrom(buyer, address(notary), ID, "a letter");
        same(notary.heard(), keccak256(abi.encode(stranger, buyer, ID, bytes("a letter"))), "with data");
        vm.prank(address(notary));
        product.transferFrom(address(notary), buyer, ID);
        vm.prank(buyer);
        product.safeTransferFrom(buyer, address(notary), ID);
        same(notary.heard(), keccak256(abi.encode(buyer, buyer, ID, bytes(""))), "without");
        vm.prank(address(notary));
        product.safeTransferFrom(address(notary), exporter, ID);
        same(product.ownerOf(ID), exporter, "a plain account");
    }

    function test_safeTransfer__toOneThatSaysNothing__reverts() public {
        issueTo(buyer);
        for (uint256 i; i < 2; ++i) {
            address mute = address(new Mute(i == 0));
            refuses(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, mute), buyer);
            product.safeTransferFrom(buyer, mute, ID);
        }
    }

    function test_permit__untilTheDeadline__andCounted() public {
        issueTo(buyer);
        uint256 nonce = product.nonces(ID);
        same(nonce, head() << 64, "nonce");
        bytes32 digest = product.permitDigest(exporter, ID, block.timestamp);
        bytes memory signed = signature(BUYER_KEY, digest);
        vm.warp(block.timestamp + 1);
        vm.expectRevert(abi.encodeWithSelector(IProductContent.Permit_Expired.selector, block.timestamp - 1));
        product.permit(exporter, ID, block.timestamp - 1, signed);
        vm.warp(block.timestamp - 1);
        vm.expectRevert(abi.encodeWithSelector(IProductContent.Permit_InvalidSignature.selector, buyer));
        product.permit(stranger, ID, block.timestamp, signed);
        product.permit(exporter, ID, block.timestamp, signed);
        same(product.nonces(ID), nonce + 1, "counted");
        same(product.getApproved(ID), exporter, "approved");
    }

    function test_permit__whileSuspended__reverts() public {
        issueTo(buyer);
        suspendedBy(issuer);
        bytes memory signed = signature(BUYER_KEY, product.permitDigest(exporter, ID, block.timestamp));
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Token_WrongStatus.selector, ID, Status.Suspended));
        product.permit(exporter, ID, block.timestamp, signed);
    }

    function test_permitDigest__isTheStandards() public {
        issueTo(buyer);
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Product Content"),
                keccak256("1"),
                block.chainid,
                address(product)
            )
        );
        same(product.DOMAIN_SEPARATOR(), domain, "domain");
        bytes32 kind = keccak256("Permit(address spender,uint256 tokenId,uint256 nonce,uint256 deadline)");
        bytes32 what = keccak256(abi.encode(kind, exporter, ID, product.nonces(ID), 5));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", domain, what));
        same(product.permitDigest(exporter, ID, 5), digest, "digest");
    }

    function test_royalty__isAtMostATenth__andTheAdmins() public {
        vm.recordLogs();
        vm.prank(admin);
        product.setRoyalty(buyer, 1_000);
        heard(said(IProductContent.RoyaltySet.selector, index(buyer), abi.encode(1_000)));
        (address receiver, uint256 amount) = product.royaltyInfo(ID, 12_345);
        truth(receiver == buyer && amount == 1_234, "royalty");
        refuses(abi.encodeWithSelector(IProductContent.Royalty_Invalid.selector, buyer, 1_001), admin);
        product.setRoyalty(buyer, 1_001);
        refuses(abi.encodeWithSelector(IProductContent.Royalty_Invalid.selector, address(0), 1), admin);
        product.setRoyalty(address(0), 1);
        vm.prank(admin);
        product.setRoyalty(address(0), 0);
        (receiver, amount) = product.royaltyInfo(ID, 12_345);
        truth(receiver == address(0) && amount == 0, "none");
        barred(pauser, 0);
        product.setRoyalty(buyer, 1);
        barred(stranger, 0);
        product.setRoyalty(buyer, 1);
    }

    function test_names__areWhatIsSigned() public view {
        same(keccak256(bytes(product.name())), keccak256("Product Content"), "name");
        same(keccak256(bytes(product.symbol())), keccak256("PRODUCT"), "symbol");
        (, string memory name, string memory version,,,,) = product.eip712Domain();
        same(keccak256(bytes(name)), keccak256("Product Content"), "domain");
        same(keccak256(bytes(version)), keccak256("1"), "version");
    }
}

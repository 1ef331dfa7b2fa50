// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ExportContract} from "../../contracts/ExportContract.sol";
import {IExportContract} from "../../contracts/interfaces/IExportContract.sol";
import {IIssuers} from "../../contracts/interfaces/IIssuers.sol";
import {IProvenanceToken} from "../../contracts/interfaces/IProvenanceToken.sol";
import {IRecovery} from "../../contracts/interfaces/IRecovery.sol";
import {ConformanceBehavior} from "./Conformance.behavior.sol";
import {KeysBehavior} from "./Keys.behavior.sol";
import {Preset} from "./Platform.sol";
import {RecordsBehavior} from "./ProvenanceToken.behavior.sol";
import {Vm} from "./Test.sol";

/// @dev An ERC-1271 wallet that answers as it was told, or with as many bytes as it can.
contract Wallet {
    bytes32 private immutable _digest;
    bool private immutable _bomb;

    constructor(bytes32 digest, bool bomb) {
        (_digest, _bomb) = (digest, bomb);
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        if (_bomb) {
            assembly {
                return(0, 200000)
            }
        }
        return digest == _digest ? bytes4(0x1626ba7e) : bytes4(0);
    }
}

contract ExportContractTest is RecordsBehavior, KeysBehavior, ConformanceBehavior {
    ExportContract internal export;

    function deploy() internal override returns (Preset) {
        export = new ExportContract(admin, ADMIN_DELAY, RECOVERY_DELAY);
        return Preset(address(export));
    }

    function testFuzz_constructor__takesADelayOfOneToNinetyDays(uint48 delay, bool near) public {
        if (near) delay = uint48(delay % 100 days);
        bool valid = delay >= 1 days && delay <= 90 days;
        try new ExportContract(admin, ADMIN_DELAY, delay) {
            truth(valid, "taken");
        } catch (bytes memory refusal) {
            truth(!valid, "refused");
            bytes4 invalid = IRecovery.Recovery_InvalidDelay.selector;
            same(keccak256(refusal), keccak256(abi.encodeWithSelector(invalid, delay)), "refusal");
        }
    }

    function test_erc5192__lockedFromTheIssueOn() public {
        vm.recordLogs();
        vm.prank(issuer);
        token.issue(buyer, DIGEST);
        Vm.Log memory log = only(keccak256("Locked(uint256)"));
        same(log.topics.length, 1, "not indexed");
        same(keccak256(log.data), keccak256(abi.encode(ID)), "id");
        truth(export.locked(ID), "locked");
        truth(!export.supportsInterface(0x2a55205a), "no royalty");
    }

    function test_transfer__isRefusedWithoutConsent() public {
        issueTo(buyer);
        bytes memory refusal = abi.encodeWithSelector(IExportContract.Token_Locked.selector, ID);
        vm.prank(buyer);
        vm.expectRevert(refusal);
        export.transferFrom(buyer, exporter, ID);
        vm.prank(buyer);
        vm.expectRevert(refusal);
        export.safeTransferFrom(buyer, exporter, ID);
        vm.prank(buyer);
        vm.expectRevert(refusal);
        export.safeTransferFrom(buyer, exporter, ID, "");
        vm.prank(buyer);
        vm.expectRevert(refusal);
        export.approve(exporter, ID);
        vm.prank(buyer);
        vm.expectRevert(abi.encodeWithSelector(IExportContract.Consent_NoOperators.selector));
        export.setApprovalForAll(exporter, true);
        truth(export.locked(ID), "locked");
    }

    function test_issueConsented__byTheIssuer() public {
        IExportContract.Deal memory deal = terms();
        bytes32 digest = export.dealDigest(deal);
        vm.prank(issuer);
        export.issueConsented(deal, signature(EXPORTER_KEY, digest), signature(BUYER_KEY, digest), "");
        same(export.ownerOf(ID), buyer, "owner");
    }

    function test_issueConsented__relayedByAnyone() public {
        IExportContract.Deal memory deal = terms();
        bytes32 digest = export.dealDigest(deal);
        (bytes memory a, bytes memory b) = (signature(EXPORTER_KEY, digest), signature(BUYER_KEY, digest));
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IExportContract.Consent_InvalidSignature.selector, issuer));
        export.issueConsented(deal, a, b, "");
        vm.prank(stranger);
        export.issueConsented(deal, a, b, signature(ISSUER_KEY, digest));
        same(export.recordOf(ID).issuer, issuer, "issuer");
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Token_AlreadyIssued.selector, ID));
        export.issueConsented(deal, a, b, signature(ISSUER_KEY, digest));
    }

    function testFuzz_issueConsented__byTheExportersOwnKey__isRelayedWithTwo(bytes calldata unread) public {
        IExportContract.Deal memory deal = terms();
        deal.exporter = issuer;
        bytes32 digest = export.dealDigest(deal);
        vm.prank(stranger);
        export.issueConsented(deal, signature(ISSUER_KEY, digest), signature(BUYER_KEY, digest), unread);
        same(export.recordOf(ID).issuer, issuer, "issuer");
        same(export.ownerOf(ID), buyer, "owner");
    }

    function test_issueConsented__inTheNameOfTheExportersOwnKey__reverts() public {
        IExportContract.Deal memory deal = terms();
        deal.exporter = issuer;
        bytes32 digest = export.dealDigest(deal);
        bytes memory own = signature(BUYER_KEY, digest);
        vm.prank(buyer);
        vm.expectRevert(abi.encodeWithSelector(IExportContract.Consent_InvalidSignature.selector, issuer));
        export.issueConsented(deal, own, own, signature(ISSUER_KEY, digest));
        (bytes memory a, bytes memory b) = (signature(ISSUER_KEY, digest), own);
        vm.prank(registrar);
        token.suspendIssuer(issuer);
        vm.expectRevert(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, issuer));
        export.issueConsented(deal, a, b, a);
    }

    function test_issueConsented__byTheIssuerZero__reverts() public {
        vm.prank(registrar);
        token.suspendIssuer(issuer);
        IExportContract.Deal memory deal = terms();
        (deal.issuer, deal.exporter) = (address(0), address(0));
        bytes memory b = signature(BUYER_KEY, export.dealDigest(deal));
        vm.expectRevert(abi.encodeWithSelector(IExportContract.Consent_InvalidSignature.selector, address(0)));
        export.issueConsented(deal, new bytes(65), b, "");
    }

    function testFuzz_issueConsented__withAnyFieldChanged__reverts(uint8 field, uint256 key) public {
        IExportContract.Deal memory deal = terms();
        bytes32 digest = export.dealDigest(deal);
        (bytes memory a, bytes memory b) = (signature(EXPORTER_KEY, digest), signature(BUYER_KEY, digest));
        field = field % 5;
        if (field == 0) deal.digest = bytes32(uint256(deal.digest) ^ (1 << (key % 256)));
        if (field == 1) deal.exporter = stranger;
        if (field == 2) deal.buyer = stranger;
        if (field == 3) deal.holder = stranger;
        if (field == 4) deal.deadline += 1;
        vm.prank(issuer);
        vm.expectRevert(
            abi.encodeWithSelector(IExportContract.Consent_InvalidSignature.selector, deal.exporter)
        );
        export.issueConsented(deal, a, b, "");
    }

    function test_issueConsented__afterTheDeadline__reverts() public {
        IExportContract.Deal memory deal = terms();
        bytes32 digest = export.dealDigest(deal);
        vm.warp(deal.deadline + 1);
        vm.prank(issuer);
        vm.expectRevert(abi.encodeWithSelector(IExportContract.Consent_Expired.selector, deal.deadline));
        export.issueConsented(deal, signature(EXPORTER_KEY, digest), signature(BUYER_KEY, digest), "");
    }

    function test_issueConsented__onAnotherChainOrContract__reverts() public {
        IExportContract.Deal memory deal = terms();
        bytes32 here = export.dealDigest(deal);
        ExportContract other = new ExportContract(admin, ADMIN_DELAY, RECOVERY_DELAY);
        truth(other.dealDigest(deal) != here, "contract");
        vm.chainId(4242);
        truth(export.dealDigest(deal) != here, "chain");
        vm.prank(issuer);
        vm.expectRevert(abi.encodeWithSelector(IExportContract.Consent_InvalidSignature.selector, exporter));
        export.issueConsented(deal, signature(EXPORTER_KEY, here), signature(BUYER_KEY, here), "");
    }

    function test_issueConsented__byNobody__reverts() public {
        IExportContract.Deal memory deal = terms();
        deal.buyer = address(0);
        bytes32 digest = export.dealDigest(deal);
        vm.prank(issuer);
        vm.expectRevert(abi.encodeWithSelector(IExportContract.Consent_InvalidSignature.selector, address(0)));
        export.issueConsented(deal, signature(EXPORTER_KEY, digest), new bytes(65), "");
    }

    function test_issueConsented__byASmartWallet() public {
        IExportContract.Deal memory deal = terms();
        deal.buyer = address(0xbeef);
        bytes32 digest = export.dealDigest(deal);
        vm.etch(deal.buyer, address(new Wallet(digest, false)).code);
        vm.prank(issuer);
        export.issueConsented(deal, signature(EXPORTER_KEY, digest), "any", "");
        same(export.ownerOf(ID), buyer, "owner");
    }

    function test_issueConsented__walletWithHugeAnswer__isRefused() public {
        IExportContract.Deal memory deal = terms();
        deal.buyer = address(new Wallet(0, true));
        bytes32 digest = export.dealDigest(deal);
        bytes memory a = signature(EXPORTER_KEY, digest);
        vm.prank(issuer);
        vm.expectRevert(abi.encodeWithSelector(IExportContract.Consent_InvalidSignature.selector, deal.buyer));
        export.issueConsented(deal, a, "any", "");
    }

    function test_assign__withBothConsents() public {
        issueTo(buyer);
        IExportContract.Assignment memory assignment = handover();
        bytes32 digest = export.assignmentDigest(assignment);
        vm.prank(stranger);
        export.assign(assignment, signature(BUYER_KEY, digest), signature(EXPORTER_KEY, digest));
        same(export.ownerOf(ID), exporter, "owner");
        same(export.recordOf(ID).headBlock, block.number, "head");
        vm.expectRevert(
            abi.encodeWithSelector(IERC721Errors.ERC721IncorrectOwner.selector, buyer, ID, exporter)
        );
        export.assign(assignment, signature(BUYER_KEY, digest), signature(EXPORTER_KEY, digest));
    }

    function test_assign__withOneConsent__reverts() public {
        issueTo(buyer);
        IExportContract.Assignment memory assignment = handover();
        bytes32 digest = export.assignmentDigest(assignment);
        bytes memory own = signature(BUYER_KEY, digest);
        vm.expectRevert(abi.encodeWithSelector(IExportContract.Consent_InvalidSignature.selector, exporter));
        export.assign(assignment, own, own);
    }

    function test_assign__malleatedReplay__movesNothingTwice() public {
        issueTo(buyer);
        IExportContract.Assignment memory assignment = handover();
        bytes32 digest = export.assignmentDigest(assignment);
        (bytes memory a, bytes memory b) = (malleated(BUYER_KEY, digest), signature(EXPORTER_KEY, digest));
        export.assign(assignment, signature(BUYER_KEY, digest), b);
        back();
        vm.expectRevert(
            abi.encodeWithSelector(IExportContract.Consent_Stale.selector, ID, export.recordOf(ID).headBlock)
        );
        export.assign(assignment, a, b);
        same(export.ownerOf(ID), buyer, "owner");
    }

    function test_assign__inTheBlockOfARecord__reverts() public {
        issueTo(buyer);
        vm.prank(issuer);
        token.amend(ID, NEXT);
        IExportContract.Assignment memory assignment = handover();
        bytes32 digest = export.assignmentDigest(assignment);
        (bytes memory a, bytes memory b) = (signature(BUYER_KEY, digest), signature(EXPORTER_KEY, digest));
        vm.expectRevert(abi.encodeWithSelector(IExportContract.Consent_Stale.selector, ID, block.number));
        export.assign(assignment, a, b);
        later();
        export.assign(assignment, a, b);
    }

    function test_assign__afterAnotherRecord__isStale() public {
        issueTo(buyer);
        IExportContract.Assignment memory assignment = handover();
        bytes32 digest = export.assignmentDigest(assignment);
        vm.prank(issuer);
        token.amend(ID, NEXT);
        uint64 head = token.recordOf(ID).headBlock;
        later();
        (bytes memory a, bytes memory b) = (signature(BUYER_KEY, digest), signature(EXPORTER_KEY, digest));
        vm.expectRevert(abi.encodeWithSelector(IExportContract.Consent_Stale.selector, ID, head));
        export.assign(assignment, a, b);
    }

    function test_assign__whileRecovering__endsTheRecovery() public {
        issueTo(buyer);
        vm.prank(registrar);
        token.proposeRecovery(ID, stranger);
        later();
        IExportContract.Assignment memory assignment = handover();
        bytes32 digest = export.assignmentDigest(assignment);
        export.assign(assignment, signature(BUYER_KEY, digest), signature(EXPORTER_KEY, digest));
        truth(!token.recordOf(ID).recovering, "over");
    }

    function terms() internal view returns (IExportContract.Deal memory) {
        return IExportContract.Deal(DIGEST, issuer, exporter, buyer, buyer, block.timestamp + 1 days);
    }

    function handover() internal view returns (IExportContract.Assignment memory) {
        uint64 head = export.recordOf(ID).headBlock;
        return IExportContract.Assignment(ID, buyer, exporter, head, block.timestamp + 1 days);
    }

    function back() internal {
        later();
        uint64 head = export.recordOf(ID).headBlock;
        IExportContract.Assignment memory assignment =
            IExportContract.Assignment(ID, exporter, buyer, head, block.timestamp + 1 days);
        bytes32 digest = export.assignmentDigest(assignment);
        export.assign(assignment, signature(EXPORTER_KEY, digest), signature(BUYER_KEY, digest));
        later();
    }

    function malleated(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        uint256 order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        return abi.encodePacked(r, order - uint256(s), v == 27 ? uint8(28) : uint8(27));
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ExportContract} from "../../contracts/ExportContract.sol";
import {IExportContract} from "../../contracts/interfaces/IExportContract.sol";
import {Status} from "../../contracts/interfaces/IProvenanceToken.sol";
import {AttacksBehavior, Bomb} from "./Attacks.behavior.sol";
import {Preset} from "./Platform.sol";

/// @dev A wallet that calls back while it is asked for its signature, then agrees to anything.
contract ReentrantWallet {
    address private _target;
    bytes private _call;

    function arm(address target, bytes calldata call) external {
        (_target, _call) = (target, call);
    }

    function isValidSignature(bytes32, bytes calldata) external returns (bytes4) {
        (bool done,) = _target.call(_call);
        return done ? bytes4(0) : bytes4(0x1626ba7e);
    }
}

contract ExportAttacksTest is AttacksBehavior {
    ExportContract internal export;

    function deploy() internal override returns (Preset) {
        export = new ExportContract(admin, ADMIN_DELAY, RECOVERY_DELAY);
        return Preset(address(export));
    }

    function test_reentrancy__throughIsValidSignature__cannotWrite() public {
        ReentrantWallet wallet = new ReentrantWallet();
        vm.prank(admin);
        token.authorizeIssuer(address(wallet));
        wallet.arm(address(token), abi.encodeCall(token.issue, (address(wallet), NEXT)));
        IExportContract.Deal memory deal = terms();
        deal.buyer = address(wallet);
        bytes memory a = signature(EXPORTER_KEY, export.dealDigest(deal));
        vm.prank(issuer);
        export.issueConsented(deal, a, "any", "");
        same(uint256(token.recordOf(uint256(NEXT)).status), uint256(Status.Unknown), "wrote from inside");
        same(token.recordOf(ID).holder, buyer, "holder");
        vm.prank(address(wallet));
        token.issue(address(wallet), NEXT);
    }

    function test_reentrancy__throughIsValidSignatureOfAHolder__cannotMoveTwice() public {
        ReentrantWallet wallet = new ReentrantWallet();
        issueTo(address(wallet));
        IExportContract.Assignment memory one_ = handover(address(wallet), exporter);
        IExportContract.Assignment memory other = handover(address(wallet), buyer);
        bytes memory b = signature(BUYER_KEY, export.assignmentDigest(other));
        wallet.arm(address(export), abi.encodeCall(export.assign, (other, "any", b)));
        export.assign(one_, "any", signature(EXPORTER_KEY, export.assignmentDigest(one_)));
        same(token.ownerOf(ID), exporter, "owner");
        same(token.balanceOf(buyer), 0, "balance");
    }

    function test_malleability__ofADealsSignatures__issuesOnce() public {
        IExportContract.Deal memory deal = terms();
        bytes32 asked = export.dealDigest(deal);
        bytes memory third = signature(ISSUER_KEY, asked);
        export.issueConsented(deal, malleated(EXPORTER_KEY, asked), compact(BUYER_KEY, asked), third);
        bytes memory call = abi.encodeCall(
            export.issueConsented, (deal, signature(EXPORTER_KEY, asked), signature(BUYER_KEY, asked), third)
        );
        refuses(stranger, call, alreadyIssued(ID));
    }

    function test_malleability__ofAnAssignmentInItsCompactForm__movesOnce() public {
        issueTo(buyer);
        IExportContract.Assignment memory given = handover(buyer, exporter);
        bytes32 asked = export.assignmentDigest(given);
        export.assign(given, compact(BUYER_KEY, asked), compact(EXPORTER_KEY, asked));
        later();
        vm.prank(stranger);
        (bool done,) = address(export).call(
            abi.encodeCall(export.assign, (given, malleated(BUYER_KEY, asked), signature(EXPORTER_KEY, asked)))
        );
        truth(!done, "moved twice");
        same(token.ownerOf(ID), exporter, "owner");
    }

    function testFuzz_malleability__ofAnotherLengthOrRecoveryByte__isRefused(uint8 length, uint8 v, bool cut) public {
        vm.assume(cut ? length != 65 && length != 64 : v != 27 && v != 28);
        issueTo(buyer);
        IExportContract.Assignment memory given = handover(buyer, exporter);
        bytes32 asked = export.assignmentDigest(given);
        bytes memory signed = signature(BUYER_KEY, asked);
        bytes memory a = new bytes(cut ? length : 65);
        for (uint256 i; i < a.length && i < 65; ++i) {
            a[i] = signed[i];
        }
        if (!cut) a[64] = bytes1(v);
        bytes memory call = abi.encodeCall(export.assign, (given, a, signature(EXPORTER_KEY, asked)));
        refuses(stranger, call, abi.encodeWithSelector(IExportContract.Consent_InvalidSignature.selector, buyer));
    }

    function test_replay__onAnotherDeploymentOrChain__reverts() public {
        issueTo(buyer);
        IExportContract.Assignment memory given = handover(buyer, exporter);
        bytes32 asked = export.assignmentDigest(given);
        bytes memory call = abi.encodeCall(
            export.assign, (given, signature(BUYER_KEY, asked), signature(EXPORTER_KEY, asked))
        );
        bytes memory refusal =
            abi.encodeWithSelector(IExportContract.Consent_InvalidSignature.selector, buyer);
        (ExportContract first, uint256 number, uint256 time) =
            (export, vm.getBlockNumber(), vm.getBlockTimestamp());
        setUp();
        vm.roll(first.recordOf(ID).headBlock);
        vm.prank(issuer);
        token.issue(buyer, DIGEST);
        vm.roll(number);
        vm.warp(time);
        same(token.recordOf(ID).headBlock, given.headBlock, "the same state");
        refuses(stranger, call, refusal);
        vm.chainId(4242);
        (export, token) = (first, Preset(address(first)));
        refuses(stranger, call, refusal);
        vm.chainId(31337);
        (bool done,) = address(first).call(call);
        truth(done, "where it was signed for");
    }

    function test_frontRunning__ofAConsent__endsAsTheVictimWanted() public {
        IExportContract.Deal memory deal = terms();
        bytes32 asked = export.dealDigest(deal);
        (bytes memory a, bytes memory b) = (signature(EXPORTER_KEY, asked), signature(BUYER_KEY, asked));
        bytes memory call = abi.encodeCall(export.issueConsented, (deal, a, b, signature(ISSUER_KEY, asked)));
        vm.prank(stranger);
        (bool done,) = address(export).call(call);
        truth(done, "relayed by another");
        refuses(issuer, call, alreadyIssued(ID));
        truth(token.ownerOf(ID) == buyer && token.recordOf(ID).issuer == issuer, "as the victim wanted it");
    }

    function test_frontRunning__ofAConsentWithAnotherHolder__reverts() public {
        IExportContract.Deal memory deal = terms();
        bytes32 asked = export.dealDigest(deal);
        (bytes memory a, bytes memory b) = (signature(EXPORTER_KEY, asked), signature(BUYER_KEY, asked));
        bytes memory third = signature(ISSUER_KEY, asked);
        deal.holder = stranger;
        bytes4 wrong = IExportContract.Consent_InvalidSignature.selector;
        bytes memory call = abi.encodeCall(export.issueConsented, (deal, a, b, third));
        refuses(stranger, call, abi.encodeWithSelector(wrong, issuer));
    }

    function test_gasBomb__ofAWallet__costsNoMoreThanTheWalletItself() public {
        for (uint256 i; i < 2; ++i) {
            Bomb bomb = new Bomb(i == 1);
            IExportContract.Deal memory deal = terms();
            deal.buyer = address(bomb);
            bytes32 asked = export.dealDigest(deal);
            bytes memory call = abi.encodeCall(
                export.issueConsented, (deal, signature(EXPORTER_KEY, asked), "any", signature(ISSUER_KEY, asked))
            );
            uint256 allowed = bomb.cost() + BOUND;
            vm.prank(stranger);
            uint256 spent = gasleft();
            (bool done,) = address(export).call(call);
            spent -= gasleft();
            truth(!done && spent < allowed, "its answer was copied");
        }
    }

    function test_stolenHolder__ofASuspendedToken__cannotAssignIt() public {
        issueTo(buyer);
        vm.prank(registrar);
        token.suspend(ID, REASON);
        later();
        IExportContract.Assignment memory given = handover(buyer, exporter);
        bytes32 asked = export.assignmentDigest(given);
        bytes memory call = abi.encodeCall(
            export.assign, (given, signature(BUYER_KEY, asked), signature(EXPORTER_KEY, asked))
        );
        refuses(buyer, call, wrongStatus(ID, Status.Suspended));
        bytes memory refusal = abi.encodeWithSelector(IExportContract.Token_Locked.selector, ID);
        refuses(buyer, abi.encodeCall(export.transferFrom, (buyer, exporter, ID)), refusal);
        refuses(buyer, abi.encodeCall(token.restore, (ID, REASON)), notAuthorized(buyer));
        refuses(buyer, abi.encodeCall(token.amend, (ID, NEXT)), notAuthorized(buyer));
        refuses(buyer, abi.encodeCall(token.revoke, (ID, REASON)), notAuthorized(buyer));
    }

    function terms() internal view returns (IExportContract.Deal memory) {
        return IExportContract.Deal(DIGEST, issuer, exporter, buyer, buyer, block.timestamp + 1 days);
    }

    function handover(address from, address to) internal view returns (IExportContract.Assignment memory) {
        uint64 head = export.recordOf(ID).headBlock;
        return IExportContract.Assignment(ID, from, to, head, block.timestamp + 1 days);
    }
}

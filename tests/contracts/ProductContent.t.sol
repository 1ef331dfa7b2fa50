// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {ProductContent} from "../../contracts/ProductContent.sol";
import {IProductContent} from "../../contracts/interfaces/IProductContent.sol";
import {IProvenanceToken, Status} from "../../contracts/interfaces/IProvenanceToken.sol";
import {IRecovery} from "../../contracts/interfaces/IRecovery.sol";
import {ConformanceBehavior} from "./Conformance.behavior.sol";
import {KeysBehavior} from "./Keys.behavior.sol";
import {Preset} from "./Platform.sol";
import {RecordsBehavior} from "./ProvenanceToken.behavior.sol";
import {Vm} from "./Test.sol";

/// @dev Takes tokens and passes them on at once, or answers with what it was told.
contract Receiver {
    enum Manner {
        Accepts,
        PassesOn,
        Refuses,
        Bombs
    }

    Manner private immutable _manner;

    constructor(Manner manner) {
        _manner = manner;
    }

    function onERC721Received(address, address from, uint256 id, bytes calldata) external returns (bytes4) {
        if (_manner == Manner.Refuses) return 0;
        if (_manner == Manner.Bombs) {
            assembly {
                revert(0, 200000)
            }
        }
        if (_manner == Manner.PassesOn) ProductContent(msg.sender).transferFrom(address(this), from, id);
        return this.onERC721Received.selector;
    }
}

contract ProductContentTest is RecordsBehavior, KeysBehavior, ConformanceBehavior {
    ProductContent internal product;

    function deploy() internal override returns (Preset) {
        product = new ProductContent(admin, ADMIN_DELAY, RECOVERY_DELAY, exporter, 250);
        return Preset(address(product));
    }

    function testFuzz_constructor__takesADelayOfOneToNinetyDays(uint48 delay, bool near) public {
        if (near) delay = uint48(delay % 100 days);
        bool valid = delay >= 1 days && delay <= 90 days;
        try new ProductContent(admin, ADMIN_DELAY, delay, exporter, 250) {
            truth(valid, "taken");
        } catch (bytes memory refusal) {
            truth(!valid, "refused");
            bytes4 invalid = IRecovery.Recovery_InvalidDelay.selector;
            same(keccak256(refusal), keccak256(abi.encodeWithSelector(invalid, delay)), "refusal");
        }
    }

    function test_erc5192__lockedWhileSuspended() public {
        issueTo(buyer);
        vm.recordLogs();
        vm.prank(issuer);
        token.suspend(ID, REASON);
        same(keccak256(only(keccak256("Locked(uint256)")).data), keccak256(abi.encode(ID)), "locked");
        truth(product.locked(ID), "locked");
        vm.recordLogs();
        vm.prank(issuer);
        token.restore(ID, REASON);
        same(keccak256(only(keccak256("Unlocked(uint256)")).data), keccak256(abi.encode(ID)), "unlocked");
        truth(!product.locked(ID), "unlocked");
    }

    function test_erc2981AndErc4494__theirIds() public view {
        same(bytes32(type(IERC2981).interfaceId), bytes32(bytes4(0x2a55205a)), "2981");
        bytes4 permit = ProductContent.permit.selector ^ ProductContent.nonces.selector
            ^ ProductContent.DOMAIN_SEPARATOR.selector;
        same(bytes32(permit), bytes32(bytes4(0x5604e225)), "4494");
        truth(product.supportsInterface(0x2a55205a) && product.supportsInterface(0x5604e225), "supports");
    }

    function test_transfer__isFreeAndRecorded() public {
        issueTo(buyer);
        truth(!product.locked(ID), "unlocked");
        vm.prank(buyer);
        product.transferFrom(buyer, exporter, ID);
        same(product.ownerOf(ID), exporter, "owner");
        same(product.recordOf(ID).headBlock, block.number, "head");
        same(product.balanceOf(buyer), 0, "balance");
    }

    function test_transfer__namesItsFault() public {
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, ID));
        product.transferFrom(buyer, exporter, ID);
        issueTo(buyer);
        vm.prank(buyer);
        vm.expectRevert(
            abi.encodeWithSelector(IERC721Errors.ERC721IncorrectOwner.selector, exporter, ID, buyer)
        );
        product.transferFrom(exporter, buyer, ID);
        vm.prank(buyer);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(0)));
        product.transferFrom(buyer, address(0), ID);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, stranger, ID));
        product.transferFrom(buyer, stranger, ID);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidApprover.selector, stranger));
        product.approve(stranger, ID);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidOwner.selector, address(0)));
        product.balanceOf(address(0));
    }

    function test_transfer__whileSuspended__reverts() public {
        issueTo(buyer);
        vm.prank(issuer);
        token.suspend(ID, REASON);
        vm.prank(buyer);
        vm.expectRevert(
            abi.encodeWithSelector(IProvenanceToken.Token_WrongStatus.selector, ID, Status.Suspended)
        );
        product.transferFrom(buyer, exporter, ID);
    }

    function test_transfer__whileRecovering__endsTheRecovery() public {
        issueTo(buyer);
        vm.prank(registrar);
        token.proposeRecovery(ID, stranger);
        vm.prank(buyer);
        product.transferFrom(buyer, exporter, ID);
        truth(!token.recordOf(ID).recovering, "over");
        vm.warp(block.timestamp + RECOVERY_DELAY);
        vm.expectRevert(abi.encodeWithSelector(IRecovery.Recovery_None.selector, ID));
        token.executeRecovery(ID);
    }

    function test_safeTransfer__asksTheReceiver() public {
        issueTo(buyer);
        address refuses = address(new Receiver(Receiver.Manner.Refuses));
        vm.prank(buyer);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, refuses));
        product.safeTransferFrom(buyer, refuses, ID);
        address bombs = address(new Receiver(Receiver.Manner.Bombs));
        vm.prank(buyer);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, bombs));
        product.safeTransferFrom(buyer, bombs, ID, "data");
        address accepts = address(new Receiver(Receiver.Manner.Accepts));
        vm.prank(buyer);
        product.safeTransferFrom(buyer, accepts, ID, "data");
        same(product.ownerOf(ID), accepts, "owner");
    }

    function test_safeTransfer__reentered__keepsTheBooks() public {
        issueTo(buyer);
        address passesOn = address(new Receiver(Receiver.Manner.PassesOn));
        vm.prank(buyer);
        product.safeTransferFrom(buyer, passesOn, ID);
        same(product.ownerOf(ID), buyer, "owner");
        same(product.balanceOf(buyer), 1, "balance");
        same(product.balanceOf(passesOn), 0, "balance");
    }

    function test_permit__approvesOnce() public {
        issueTo(buyer);
        uint256 deadline = vm.getBlockTimestamp() + 1 days;
        bytes memory signed = signature(BUYER_KEY, product.permitDigest(stranger, ID, deadline));
        vm.expectRevert(abi.encodeWithSelector(IProductContent.Permit_InvalidSignature.selector, buyer));
        product.permit(exporter, ID, deadline, signed);
        product.permit(stranger, ID, deadline, signed);
        same(product.getApproved(ID), stranger, "approved");
        vm.prank(buyer);
        product.approve(address(0), ID);
        vm.expectRevert(abi.encodeWithSelector(IProductContent.Permit_InvalidSignature.selector, buyer));
        product.permit(stranger, ID, deadline, signed);
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IProductContent.Permit_Expired.selector, deadline));
        product.permit(stranger, ID, deadline, signed);
    }

    function test_permit__afterATransfer__isVoid() public {
        issueTo(buyer);
        uint256 nonce = product.nonces(ID);
        vm.prank(buyer);
        product.transferFrom(buyer, exporter, ID);
        truth(product.nonces(ID) != nonce, "nonce");
    }

    function test_operators__transferForTheirHolder() public {
        issueTo(buyer);
        vm.prank(buyer);
        product.setApprovalForAll(stranger, true);
        vm.prank(stranger);
        product.approve(exporter, ID);
        same(product.getApproved(ID), exporter, "approved by the operator");
        vm.prank(stranger);
        product.transferFrom(buyer, stranger, ID);
        same(product.ownerOf(ID), stranger, "owner");
    }

    function test_constructor__withARoyaltyToNobody__reverts() public {
        vm.expectRevert(abi.encodeWithSelector(IProductContent.Royalty_Invalid.selector, address(0), 250));
        new ProductContent(admin, ADMIN_DELAY, RECOVERY_DELAY, address(0), 250);
    }

    function test_value__isRefused() public {
        issueTo(buyer);
        (bool done,) = address(product).call{value: 1}(abi.encodeCall(product.approve, (stranger, ID)));
        truth(!done, "refused");
    }

    function testFuzz_royalty(uint96 price) public {
        (address receiver, uint256 amount) = product.royaltyInfo(ID, price);
        same(receiver, exporter, "receiver");
        same(amount, uint256(price) * 250 / 10_000, "amount");
        vm.prank(admin);
        vm.expectRevert(abi.encodeWithSelector(IProductContent.Royalty_Invalid.selector, exporter, 1_001));
        product.setRoyalty(exporter, 1_001);
        vm.prank(admin);
        product.setRoyalty(address(0), 0);
        (, amount) = product.royaltyInfo(ID, price);
        same(amount, 0, "none");
    }
}

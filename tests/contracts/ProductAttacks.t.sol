// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ProductContent} from "../../contracts/ProductContent.sol";
import {IProductContent} from "../../contracts/interfaces/IProductContent.sol";
import {AttacksBehavior, Bomb} from "./Attacks.behavior.sol";
import {Preset} from "./Platform.sol";

/// @dev Calls back while it gets a token, as whoever it is by then.
contract ReentrantReceiver {
    bytes[] private _calls;
    uint256 public succeeded;

    function arm(bytes calldata call) external {
        _calls.push(call);
    }

    function onERC721Received(address, address, uint256, bytes calldata) external returns (bytes4) {
        for (uint256 i; i < _calls.length; ++i) {
            (bool done,) = msg.sender.call(_calls[i]);
            if (done) ++succeeded;
        }
        return this.onERC721Received.selector;
    }
}

contract ProductAttacksTest is AttacksBehavior {
    ProductContent internal product;

    function deploy() internal override returns (Preset) {
        product = new ProductContent(admin, ADMIN_DELAY, RECOVERY_DELAY, exporter, 250);
        return Preset(address(product));
    }

    /// @dev It gets the holder's own rights over the one token that it holds by then, and no other.
    function test_reentrancy__throughOnERC721Received__hasTheNewHoldersRightsAlone() public {
        issueTo(buyer);
        vm.prank(issuer);
        token.issue(buyer, NEXT);
        ReentrantReceiver receiver = new ReentrantReceiver();
        receiver.arm(abi.encodeCall(product.transferFrom, (buyer, address(receiver), uint256(NEXT))));
        receiver.arm(abi.encodeCall(product.transferFrom, (buyer, address(receiver), ID)));
        receiver.arm(abi.encodeCall(token.issue, (address(receiver), REASON)));
        receiver.arm(abi.encodeCall(token.revoke, (ID, REASON)));
        receiver.arm(abi.encodeCall(product.transferFrom, (address(receiver), exporter, ID)));
        receiver.arm(abi.encodeCall(product.transferFrom, (address(receiver), exporter, ID)));
        vm.prank(buyer);
        product.safeTransferFrom(buyer, address(receiver), ID);
        same(receiver.succeeded(), 1, "one transfer of its own token");
        same(product.ownerOf(ID), exporter, "owner");
        same(product.ownerOf(uint256(NEXT)), buyer, "the other token");
        same(product.balanceOf(buyer) + product.balanceOf(exporter), 2, "balances");
        same(product.balanceOf(address(receiver)), 0, "balance");
    }

    function test_malleability__ofAPermit__approvesOnce() public {
        issueTo(buyer);
        uint256 deadline = vm.getBlockTimestamp() + 1 days;
        bytes32 asked = product.permitDigest(stranger, ID, deadline);
        product.permit(stranger, ID, deadline, compact(BUYER_KEY, asked));
        bytes memory refusal = abi.encodeWithSelector(IProductContent.Permit_InvalidSignature.selector, buyer);
        bytes[3] memory forms = [signature(BUYER_KEY, asked), malleated(BUYER_KEY, asked), compact(BUYER_KEY, asked)];
        for (uint256 i; i < 3; ++i) {
            refuses(stranger, abi.encodeCall(product.permit, (stranger, ID, deadline, forms[i])), refusal);
        }
    }

    function test_replay__ofAPermit__onAnotherContractOrChain__reverts() public {
        issueTo(buyer);
        uint256 deadline = vm.getBlockTimestamp() + 1 days;
        bytes memory call = abi.encodeCall(
            product.permit,
            (stranger, ID, deadline, signature(BUYER_KEY, product.permitDigest(stranger, ID, deadline)))
        );
        bytes memory refusal = abi.encodeWithSelector(IProductContent.Permit_InvalidSignature.selector, buyer);
        vm.chainId(4242);
        refuses(stranger, call, refusal);
        vm.chainId(31337);
        (Preset first, uint256 nonce) = (token, product.nonces(ID));
        setUp();
        vm.roll(first.recordOf(ID).headBlock);
        vm.prank(issuer);
        token.issue(buyer, DIGEST);
        same(product.nonces(ID), nonce, "the same state");
        refuses(stranger, call, refusal);
        (bool done,) = address(first).call(call);
        truth(done, "where it was signed for");
    }

    function test_frontRunning__ofAPermit__endsAsTheVictimWanted() public {
        issueTo(buyer);
        uint256 deadline = vm.getBlockTimestamp() + 1 days;
        bytes memory signed = signature(BUYER_KEY, product.permitDigest(exporter, ID, deadline));
        bytes memory theft = abi.encodeCall(product.permit, (stranger, ID, deadline, signed));
        bytes memory refusal = abi.encodeWithSelector(IProductContent.Permit_InvalidSignature.selector, buyer);
        refuses(stranger, theft, refusal);
        vm.prank(stranger);
        product.permit(exporter, ID, deadline, signed);
        refuses(exporter, abi.encodeCall(product.permit, (exporter, ID, deadline, signed)), refusal);
        vm.prank(exporter);
        product.transferFrom(buyer, exporter, ID);
    }

    function test_gasBomb__ofAReceiver__costsNoMoreThanTheReceiverItself() public {
        issueTo(buyer);
        for (uint256 i; i < 2; ++i) {
            Bomb bomb = new Bomb(i == 1);
            bytes4 selector = bytes4(keccak256("safeTransferFrom(address,address,uint256)"));
            uint256 allowed = bomb.cost() + BOUND;
            vm.prank(buyer);
            uint256 spent = gasleft();
            (bool done, bytes memory answer) =
                address(product).call(abi.encodeWithSelector(selector, buyer, address(bomb), ID));
            spent -= gasleft();
            truth(!done && spent < allowed, "its answer was copied");
            bytes4 invalid = IERC721Errors.ERC721InvalidReceiver.selector;
            same(keccak256(answer), keccak256(abi.encodeWithSelector(invalid, address(bomb))), "refusal");
        }
        same(product.ownerOf(ID), buyer, "owner");
    }

    function test_gasBomb__ofAPermitsWallet__costsNoMoreThanTheWalletItself() public {
        for (uint256 i; i < 2; ++i) {
            Bomb bomb = new Bomb(i == 1);
            bytes32 digest = keccak256(abi.encode("bomb", i));
            vm.prank(issuer);
            product.issue(address(bomb), digest);
            uint256 allowed = bomb.cost() + BOUND;
            vm.prank(stranger);
            uint256 spent = gasleft();
            (bool done,) = address(product).call(
                abi.encodeCall(product.permit, (stranger, uint256(digest), block.timestamp, "any"))
            );
            spent -= gasleft();
            truth(!done && spent < allowed, "its answer was copied");
        }
    }

    function test_stolenHolder__transfers__andEveryMoveIsRecorded() public {
        issueTo(buyer);
        vm.prank(buyer);
        product.transferFrom(buyer, stranger, ID);
        same(product.recordOf(ID).headBlock, block.number, "recorded");
        vm.prank(registrar);
        product.suspend(ID, REASON);
        vm.prank(stranger);
        (bool done,) = address(product).call(abi.encodeCall(product.transferFrom, (stranger, exporter, ID)));
        truth(!done, "stopped");
        vm.prank(registrar);
        product.restore(ID, REASON);
        vm.prank(registrar);
        product.proposeRecovery(ID, buyer);
        vm.prank(stranger);
        product.stopRecovery(ID);
        same(product.ownerOf(ID), stranger, "the thief vetoes: the issuer revokes and issues anew");
    }
}

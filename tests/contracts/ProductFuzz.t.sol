// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ProductContent} from "../../contracts/ProductContent.sol";
import {IProductContent} from "../../contracts/interfaces/IProductContent.sol";
import {Status} from "../../contracts/interfaces/IProvenanceToken.sol";
import {KeysFuzz} from "./KeysFuzz.behavior.sol";
import {Preset} from "./Platform.sol";
import {RecordsFuzz} from "./RecordsFuzz.behavior.sol";

contract ProductFuzzTest is RecordsFuzz, KeysFuzz {
    ProductContent internal product;

    function deploy() internal override returns (Preset) {
        product = new ProductContent(admin, ADMIN_DELAY, RECOVERY_DELAY, exporter, 250);
        return Preset(address(product));
    }

    function title() internal pure override returns (string memory) {
        return "Product Content";
    }

    function sign() internal pure override returns (string memory) {
        return "PRODUCT";
    }

    function testFuzz_transferFrom__byTheHolderAlone(address by, address to, bool suspended) public {
        // Nobody sends as the zero address, which Solady takes for approved where nobody is.
        vm.assume(by != buyer && by != address(0) && to != address(0));
        bytes memory call = abi.encodeCall(product.transferFrom, (buyer, to, ID));
        refuses(by, call, nonexistent(ID));
        issueTo(buyer);
        bytes4 wanting = IERC721Errors.ERC721InsufficientApproval.selector;
        refuses(by, call, abi.encodeWithSelector(wanting, by, ID));
        if (suspended) {
            vm.prank(issuer);
            token.suspend(ID, REASON);
            refuses(buyer, call, wrongStatus(ID, Status.Suspended));
            return;
        }
        vm.prank(buyer);
        product.transferFrom(buyer, to, ID);
        same(product.ownerOf(ID), to, "owner");
        same(token.recordOf(ID).headBlock, block.number, "head");
    }

    function testFuzz_safeTransferFrom__asksAContractAlone(address to, bytes calldata data, bool bare) public {
        vm.assume(to != address(0) && to.code.length == 0);
        issueTo(buyer);
        bytes4 with = bytes4(keccak256("safeTransferFrom(address,address,uint256,bytes)"));
        bytes4 without = bytes4(keccak256("safeTransferFrom(address,address,uint256)"));
        bytes memory refusal = abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(this));
        refuses(buyer, abi.encodeWithSelector(with, buyer, address(this), ID, data), refusal);
        refuses(buyer, abi.encodeWithSelector(without, buyer, address(this), ID), refusal);
        vm.prank(buyer);
        if (bare) product.safeTransferFrom(buyer, to, ID);
        else product.safeTransferFrom(buyer, to, ID, data);
        same(product.ownerOf(ID), to, "owner");
    }

    function testFuzz_approve__letsOneAccountMoveOneToken(address by, address to) public {
        vm.assume(by != buyer && by != address(0) && to != address(0));
        issueTo(buyer);
        bytes memory refusal = abi.encodeWithSelector(IERC721Errors.ERC721InvalidApprover.selector, by);
        refuses(by, abi.encodeCall(product.approve, (by, ID)), refusal);
        vm.prank(buyer);
        product.approve(by, ID);
        same(product.getApproved(ID), by, "approved");
        vm.prank(by);
        product.transferFrom(buyer, to, ID);
        same(product.getApproved(ID), address(0), "used up");
    }

    function testFuzz_setApprovalForAll__letsOneAccountMoveAll(address by, address to, bool yes) public {
        vm.assume(by != buyer && by != address(0) && to != address(0));
        issueTo(buyer);
        vm.prank(buyer);
        product.setApprovalForAll(by, yes);
        truth(product.isApprovedForAll(buyer, by) == yes, "operator");
        vm.prank(by);
        (bool done,) = address(product).call(abi.encodeCall(product.transferFrom, (buyer, to, ID)));
        truth(done == yes, "moved");
    }

    function testFuzz_permit__isTheHoldersWord(address by, address spender, uint32 life, uint32 wait, bool own)
        public
    {
        issueTo(buyer);
        uint256 deadline = vm.getBlockTimestamp() + life;
        bytes32 asked = product.permitDigest(spender, ID, deadline);
        vm.warp(block.timestamp + wait);
        bytes memory call = abi.encodeCall(
            product.permit, (spender, ID, deadline, signature(own ? BUYER_KEY : EXPORTER_KEY, asked))
        );
        if (wait > life) {
            refuses(by, call, abi.encodeWithSelector(IProductContent.Permit_Expired.selector, deadline));
        } else if (!own) {
            refuses(by, call, abi.encodeWithSelector(IProductContent.Permit_InvalidSignature.selector, buyer));
        } else {
            vm.prank(by);
            (bool done,) = address(product).call(call);
            truth(done, "approved");
            same(product.getApproved(ID), spender, "spender");
        }
    }

    function testFuzz_nonces__changeWithEachPermitAndRecord(uint256 id, uint16 blocks) public {
        vm.assume(id != 0);
        refuses(stranger, abi.encodeCall(product.nonces, (id)), nonexistent(id));
        vm.prank(issuer);
        product.issue(buyer, bytes32(id));
        uint256 first = product.nonces(id);
        uint256 deadline = block.timestamp;
        product.permit(stranger, id, deadline, signature(BUYER_KEY, product.permitDigest(stranger, id, deadline)));
        uint256 second = product.nonces(id);
        same(second, first + 1, "permit");
        vm.roll(block.number + 1 + blocks);
        vm.prank(buyer);
        product.transferFrom(buyer, exporter, id);
        truth(product.nonces(id) != second && product.nonces(id) != first, "record");
    }

    function testFuzz_permitDigest__isEip712s(address spender, uint256 id, uint256 deadline) public {
        vm.assume(id != 0);
        vm.prank(issuer);
        product.issue(buyer, bytes32(id));
        bytes32 content = keccak256(
            abi.encode(
                keccak256("Permit(address spender,uint256 tokenId,uint256 nonce,uint256 deadline)"),
                spender,
                id,
                product.nonces(id),
                deadline
            )
        );
        bytes32 expected = keccak256(abi.encodePacked(hex"1901", product.DOMAIN_SEPARATOR(), content));
        same(product.permitDigest(spender, id, deadline), expected, "digest");
    }

    function testFuzz_DOMAIN_SEPARATOR__namesChainAndContract(uint32 chain) public {
        vm.assume(chain != 0);
        vm.chainId(chain);
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Product Content"),
                keccak256("1"),
                uint256(chain),
                address(product)
            )
        );
        same(product.DOMAIN_SEPARATOR(), domain, "domain");
    }

    function testFuzz_setRoyalty__isTheAdminsAloneAndAtMostTenPercent(address by, address to, uint16 points) public {
        vm.assume(by != admin);
        refuses(by, abi.encodeCall(product.setRoyalty, (to, points)), lacks(by, 0));
        bool valid = points <= 1_000 && (points == 0 || to != address(0));
        vm.prank(admin);
        (bool done,) = address(product).call(abi.encodeCall(product.setRoyalty, (to, points)));
        truth(done == valid, "valid");
        (address found, uint256 due) = product.royaltyInfo(ID, 10_000);
        same(found, valid ? to : exporter, "receiver");
        same(due, valid ? points : 250, "points");
    }

    function testFuzz_royaltyInfo__neverPassesTheTenthPart(uint256 id, uint128 price) public view {
        (address to, uint256 due) = product.royaltyInfo(id, price);
        same(to, exporter, "receiver");
        same(due, uint256(price) * 250 / 10_000, "due");
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC721} from "@openzeppelin/contracts/interfaces/IERC721.sol";
import {IERC721Metadata} from "@openzeppelin/contracts/interfaces/IERC721Metadata.sol";
import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {IERC5192} from "../../contracts/interfaces/IERC5192.sol";
import {IProvenanceToken} from "../../contracts/interfaces/IProvenanceToken.sol";
import {Platform} from "./Platform.sol";
import {Vm} from "./Test.sol";

/// @dev Each standard by its id, as its text writes it, and by what it demands.
abstract contract ConformanceBehavior is Platform {
    function test_erc165__itselfAndNotTheInvalidId() public view {
        same(bytes32(type(IERC165).interfaceId), bytes32(bytes4(0x01ffc9a7)), "id");
        truth(token.supportsInterface(0x01ffc9a7) && !token.supportsInterface(0xffffffff), "supports");
        (uint256 gas, bytes memory call) = (gasleft(), abi.encodeWithSelector(0x01ffc9a7, bytes4(0x80ac58cd)));
        (bool done,) = address(token).staticcall{gas: 30_000}(call);
        truth(done && gas - gasleft() < 30_000, "within the 30,000 gas of the standard");
    }

    function test_erc721__itsIdItsMetadatasAndItsTransferEvent() public {
        same(bytes32(type(IERC721).interfaceId), bytes32(bytes4(0x80ac58cd)), "id");
        same(bytes32(type(IERC721Metadata).interfaceId), bytes32(bytes4(0x5b5e139f)), "metadata");
        truth(token.supportsInterface(0x80ac58cd) && token.supportsInterface(0x5b5e139f), "supports");
        vm.recordLogs();
        vm.prank(issuer);
        token.issue(buyer, DIGEST);
        Vm.Log memory issued = only(keccak256("Transfer(address,address,uint256)"));
        truth(issued.topics.length == 4 && issued.data.length == 0, "three indexed");
        truth(issued.topics[1] == 0 && issued.topics[2] == bytes32(uint256(uint160(buyer))), "from nobody");
        same(issued.topics[3], DIGEST, "id");
        vm.recordLogs();
        vm.prank(issuer);
        token.revoke(ID, REASON);
        Vm.Log memory burned = only(keccak256("Transfer(address,address,uint256)"));
        truth(burned.topics[1] == bytes32(uint256(uint160(buyer))) && burned.topics[2] == 0, "to nobody");
        refuses(stranger, abi.encodeCall(token.ownerOf, (ID)), nonexistent(ID));
    }

    function test_erc4906__aMetadataUpdateWithEachAmendment() public {
        truth(token.supportsInterface(0x49064906), "supports");
        issueTo(buyer);
        vm.recordLogs();
        vm.prank(issuer);
        token.amend(ID, NEXT);
        Vm.Log memory updated = only(keccak256("MetadataUpdate(uint256)"));
        same(updated.topics.length, 1, "not indexed");
        same(keccak256(updated.data), keccak256(abi.encode(ID)), "id");
    }

    function test_erc165__ofTheRecordsAndOfTheRoles() public view {
        truth(token.supportsInterface(type(IProvenanceToken).interfaceId), "records");
        truth(token.supportsInterface(0x7965db0b) && token.supportsInterface(0x31498786), "roles, and their admin");
    }

    function test_erc5192__itsIdAndWhenItReverts() public {
        same(bytes32(type(IERC5192).interfaceId), bytes32(bytes4(0xb45a3c0e)), "id");
        truth(token.supportsInterface(0xb45a3c0e), "supports");
        refuses(stranger, abi.encodeCall(token.locked, (ID)), nonexistent(ID));
        issueTo(buyer);
        token.locked(ID);
    }

    /// @dev ERC-5267 gives its interface no ERC-165 id; what is answered is the selector of its one function, which is
    /// how ERC-165 would make one. ERC-7572 likewise.
    function test_erc5267AndErc7572__theSelectorOfTheirOneFunction() public view {
        same(bytes32(bytes4(keccak256("eip712Domain()"))), bytes32(bytes4(0x84b0196e)), "5267");
        same(bytes32(bytes4(keccak256("contractURI()"))), bytes32(bytes4(0xe8a3d485)), "7572");
        truth(token.supportsInterface(0x84b0196e) && token.supportsInterface(0xe8a3d485), "supports");
    }

    function test_erc7572__contractURI__isADataUriOfTheCollection() public view {
        bytes memory expected = bytes.concat(
            "data:application/json;utf8,{\"name\":\"", bytes(token.name()), "\",\"symbol\":\"", bytes(token.symbol()), "\","
        );
        bytes memory uri = bytes(token.contractURI());
        for (uint256 i; i < expected.length; ++i) {
            same(bytes32(uri[i]), bytes32(expected[i]), "begins with name and symbol");
        }
        truth(uri[uri.length - 1] == "}", "ends");
    }

    function test_erc6093__selectorsAreTheStandards() public pure {
        same(bytes32(IERC721Errors.ERC721InvalidOwner.selector), bytes32(bytes4(0x89c62b64)), "owner");
        same(bytes32(IERC721Errors.ERC721NonexistentToken.selector), bytes32(bytes4(0x7e273289)), "token");
        same(bytes32(IERC721Errors.ERC721IncorrectOwner.selector), bytes32(bytes4(0x64283d7b)), "incorrect");
        same(bytes32(IERC721Errors.ERC721InvalidSender.selector), bytes32(bytes4(0x73c6ac6e)), "sender");
        same(bytes32(IERC721Errors.ERC721InvalidReceiver.selector), bytes32(bytes4(0x64a0ae92)), "receiver");
        same(bytes32(IERC721Errors.ERC721InsufficientApproval.selector), bytes32(bytes4(0x177e802f)), "approval");
        same(bytes32(IERC721Errors.ERC721InvalidApprover.selector), bytes32(bytes4(0xa9fbf51f)), "approver");
        same(bytes32(IERC721Errors.ERC721InvalidOperator.selector), bytes32(bytes4(0x5b08ba18)), "operator");
    }

    /// @dev The one log with this topic since `recordLogs`.
    function only(bytes32 topic) internal returns (Vm.Log memory found) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 seen;
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] == topic && logs[i].emitter == address(token)) (found, seen) = (logs[i], seen + 1);
        }
        same(seen, 1, "one log");
    }
}

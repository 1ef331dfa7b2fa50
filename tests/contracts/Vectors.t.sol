// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ExportContract} from "../../contracts/ExportContract.sol";
import {PackedRecord, PackedRecordCodec} from "../../contracts/PackedRecord.sol";
import {ProductContent} from "../../contracts/ProductContent.sol";
import {IExportContract} from "../../contracts/interfaces/IExportContract.sol";
import {Status} from "../../contracts/interfaces/IProvenanceToken.sol";
import {Test} from "./Test.sol";

/// @dev The cheat codes that read a JSON file.
interface Files {
    function readFile(string calldata path) external view returns (string memory);
    function parseJsonAddress(string calldata json, string calldata key) external pure returns (address);
    function parseJsonAddressArray(string calldata json, string calldata key) external pure returns (address[] memory);
    function parseJsonBoolArray(string calldata json, string calldata key) external pure returns (bool[] memory);
    function parseJsonBytesArray(string calldata json, string calldata key) external pure returns (bytes[] memory);
    function parseJsonBytes32(string calldata json, string calldata key) external pure returns (bytes32);
    function parseJsonBytes32Array(string calldata json, string calldata key) external pure returns (bytes32[] memory);
    function parseJsonStringArray(string calldata json, string calldata key) external pure returns (string[] memory);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function parseJsonUintArray(string calldata json, string calldata key) external pure returns (uint256[] memory);
    function store(address target, bytes32 slot, bytes32 value) external;
    function toString(uint256 value) external pure returns (string memory);
}

/// @dev The contracts compute what Python wrote into `tests/vectors/contracts.json`.
contract VectorsTest is Test {
    Files private constant files = Files(address(vm));
    address private constant admin = address(0xad);
    uint256 private constant TREES = 5;

    string private json;
    address private issuer;
    ExportContract private token;

    function setUp() public {
        json = files.readFile("tests/vectors/contracts.json");
        issuer = files.parseJsonAddress(json, ".records.issuer");
        vm.warp(1_800_000_000);
        token = new ExportContract(admin, 3 days, 7 days);
        vm.prank(admin);
        token.authorizeIssuer(issuer);
    }

    function test_tokens__ofManifests__haveTheirIdsAndAddresses() public {
        string[] memory manifests = files.parseJsonStringArray(json, ".tokens.manifests");
        uint256[] memory ids = files.parseJsonUintArray(json, ".tokens.tokenIds");
        string[] memory uris = files.parseJsonStringArray(json, ".tokens.uris");
        truth(manifests.length >= 3, "there are some");
        for (uint256 i; i < manifests.length; ++i) {
            bytes32 digest = sha256(bytes(manifests[i]));
            same(uint256(digest), ids[i], "id");
            vm.prank(issuer);
            same(token.issue(admin, digest), ids[i], "issued id");
            same(keccak256(bytes(token.tokenURI(ids[i]))), keccak256(bytes(uris[i])), "address");
        }
    }

    function test_records__asStored__areReadFieldByField() public {
        uint256[] memory ids = uints(".records.tokenIds");
        uint256[] memory words = uints(".records.words");
        bytes32[] memory slots = files.parseJsonBytes32Array(json, ".records.slots");
        bytes[] memory answers = files.parseJsonBytesArray(json, ".records.answers");
        truth(ids.length >= 10, "there are many");
        for (uint256 i; i < ids.length; ++i) {
            same(slots[i], slotOf(ids[i]), "slot");
            files.store(address(token), slots[i], bytes32(words[i]));
            same(keccak256(abi.encode(token.recordOf(ids[i]))), keccak256(answers[i]), "answer");
        }
    }

    function test_records__writtenByTheCodec__areTheWords() public view {
        uint256[] memory words = uints(".records.words");
        address[] memory holders = files.parseJsonAddressArray(json, ".records.holders");
        uint256[] memory heads = uints(".records.headBlocks");
        uint256[] memory times = uints(".records.issuedAts");
        uint256[] memory versions = uints(".records.versions");
        uint256[] memory indexes = uints(".records.issuerIndexes");
        uint256[] memory statuses = uints(".records.statuses");
        bool[] memory held = files.parseJsonBoolArray(json, ".records.held");
        bool[] memory recovering = files.parseJsonBoolArray(json, ".records.recovering");
        for (uint256 i; i < words.length; ++i) {
            PackedRecord data = PackedRecordCodec.fresh(heads[i], 0, 0);
            data = data.withVersion(versions[i], times[i], indexes[i]).withStatus(Status(statuses[i]), held[i])
                .withRecovering(recovering[i]);
            same((uint256(PackedRecord.unwrap(data)) << 160) | uint160(holders[i]), words[i], "word");
        }
    }

    function test_consents__onEachChainAndAddress__haveTheSignedDigests() public {
        (uint256[] memory chains, address[] memory places) = domains();
        bytes memory code = address(token).code;
        for (uint256 d; d < chains.length; ++d) {
            vm.chainId(chains[d]);
            vm.etch(places[d], code);
            IExportContract placed = IExportContract(places[d]);
            bytes32[] memory expected = digests(".typedData.deals", d);
            for (uint256 i; i < expected.length; ++i) {
                same(placed.dealDigest(deal(i)), expected[i], "deal");
            }
            expected = digests(".typedData.assignments", d);
            for (uint256 i; i < expected.length; ++i) {
                same(placed.assignmentDigest(assignment(i)), expected[i], "assignment");
            }
        }
    }

    function test_permits__onEachChainAndAddress__haveTheSignedDigests() public {
        (uint256[] memory chains, address[] memory places) = domains();
        address[] memory spenders = files.parseJsonAddressArray(json, ".typedData.permits.spender");
        uint256[] memory ids = uints(".typedData.permits.tokenId");
        uint256[] memory heads = uints(".typedData.permits.headBlock");
        uint256[] memory deadlines = uints(".typedData.permits.deadline");
        bytes memory code = address(new ProductContent(admin, 3 days, 7 days, admin, 0)).code;
        for (uint256 d; d < chains.length; ++d) {
            vm.chainId(chains[d]);
            vm.etch(places[d], code);
            bytes32[] memory expected = digests(".typedData.permits", d);
            for (uint256 i; i < expected.length; ++i) {
                uint256 data = PackedRecord.unwrap(PackedRecordCodec.fresh(heads[i], 1, 1));
                files.store(places[d], slotOf(ids[i]), bytes32((data << 160) | uint160(admin)));
                bytes32 found = ProductContent(places[d]).permitDigest(spenders[i], ids[i], deadlines[i]);
                same(found, expected[i], "permit");
            }
        }
    }

    function test_proofs__eachOfEachTree__claimTheirTokens() public {
        for (uint256 t; t < TREES; ++t) {
            string memory key = string.concat(".trees[", files.toString(t), "]");
            uint256 count = files.parseJsonUint(json, string.concat(key, ".count"));
            bytes32 root = anchored(key);
            uint256[] memory numbers = uints(string.concat(key, ".numbers"));
            bytes32[] memory leaves = files.parseJsonBytes32Array(json, string.concat(key, ".leaves"));
            for (uint256 i; i < numbers.length; ++i) {
                (address holder, bytes32 digest) = leaf(count, numbers[i]);
                same(token.leafOf(holder, digest), leaves[i], "leaf");
                string memory at = string.concat(key, ".proofs[", files.toString(i), "]");
                bytes32[] memory proof = files.parseJsonBytes32Array(json, at);
                same(token.claimOne(issuer, root, holder, digest, proof), uint256(digest), "id");
                same(token.ownerOf(uint256(digest)), holder, "holder");
            }
        }
    }

    function test_multiproofs__ofEachTree__claimTheirTokens() public {
        for (uint256 t; t < TREES; ++t) {
            string memory key = string.concat(".trees[", files.toString(t), "]");
            uint256 count = files.parseJsonUint(json, string.concat(key, ".count"));
            bytes32 root = anchored(key);
            key = string.concat(key, ".multiproof");
            uint256[] memory numbers = uints(string.concat(key, ".numbers"));
            address[] memory holders = new address[](numbers.length);
            bytes32[] memory digests_ = new bytes32[](numbers.length);
            for (uint256 i; i < numbers.length; ++i) {
                (holders[i], digests_[i]) = leaf(count, numbers[i]);
            }
            bytes32[] memory proof = files.parseJsonBytes32Array(json, string.concat(key, ".proof"));
            bool[] memory flags = files.parseJsonBoolArray(json, string.concat(key, ".flags"));
            token.claimMany(issuer, root, holders, digests_, proof, flags);
            for (uint256 i; i < numbers.length; ++i) {
                same(token.ownerOf(uint256(digests_[i])), holders[i], "holder");
            }
        }
    }

    function anchored(string memory key) private returns (bytes32 root) {
        root = files.parseJsonBytes32(json, string.concat(key, ".root"));
        vm.prank(issuer);
        token.attestTree(root);
    }

    function leaf(uint256 count, uint256 number) private pure returns (address holder, bytes32 digest) {
        string memory place = string.concat(files.toString(count), "/", files.toString(number));
        holder = address(bytes20(sha256(bytes(string.concat("holder ", place)))));
        digest = sha256(bytes(string.concat("document ", place)));
    }

    function deal(uint256 i) private view returns (IExportContract.Deal memory) {
        return IExportContract.Deal(
            files.parseJsonBytes32Array(json, ".typedData.deals.digest")[i],
            files.parseJsonAddressArray(json, ".typedData.deals.issuer")[i],
            files.parseJsonAddressArray(json, ".typedData.deals.exporter")[i],
            files.parseJsonAddressArray(json, ".typedData.deals.buyer")[i],
            files.parseJsonAddressArray(json, ".typedData.deals.holder")[i],
            uints(".typedData.deals.deadline")[i]
        );
    }

    function assignment(uint256 i) private view returns (IExportContract.Assignment memory) {
        return IExportContract.Assignment(
            uints(".typedData.assignments.tokenId")[i],
            files.parseJsonAddressArray(json, ".typedData.assignments.from")[i],
            files.parseJsonAddressArray(json, ".typedData.assignments.to")[i],
            uint64(uints(".typedData.assignments.headBlock")[i]),
            uints(".typedData.assignments.deadline")[i]
        );
    }

    function domains() private view returns (uint256[] memory chains, address[] memory places) {
        chains = uints(".typedData.chainIds");
        places = files.parseJsonAddressArray(json, ".typedData.contracts");
        truth(chains.length == 4 && places.length == 4, "two chains, two addresses");
    }

    function digests(string memory key, uint256 domain) private view returns (bytes32[] memory found) {
        found = files.parseJsonBytes32Array(json, string.concat(key, ".digests[", files.toString(domain), "]"));
        truth(found.length >= 2, "there are some");
    }

    function uints(string memory key) private view returns (uint256[] memory) {
        return files.parseJsonUintArray(json, key);
    }

    /// @dev Solady's ownership slot.
    function slotOf(uint256 id) private pure returns (bytes32) {
        unchecked {
            return bytes32(2 * id + uint256(keccak256(abi.encodePacked(bytes28(bytes32(id)), bytes4(0x7d882553)))));
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC721URIStorage} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721URIStorage.sol";

/// @dev OpenZeppelin's ERC-721 whose ids are hashes. Anyone may do anything: no role is checked.
contract HashToken is ERC721("Peer", "PEER") {
    function issue(address holder, bytes32 digest) external {
        _mint(holder, uint256(digest));
    }

    function issueMany(address[] calldata holders, bytes32[] calldata digests) external {
        for (uint256 i; i < holders.length; ++i) {
            _mint(holders[i], uint256(digests[i]));
        }
    }

    function revoke(bytes32 digest) external {
        _burn(uint256(digest));
    }
}

/// @dev The same with the token's URI in storage, as the usual tutorial has it.
contract UriToken is ERC721URIStorage {
    constructor() ERC721("Peer", "PEER") {}

    function issue(address holder, bytes32 digest, string calldata uri) external {
        _mint(holder, uint256(digest));
        _setTokenURI(uint256(digest), uri);
    }

    function issueMany(address[] calldata holders, bytes32[] calldata digests, string[] calldata uris) external {
        for (uint256 i; i < holders.length; ++i) {
            _mint(holders[i], uint256(digests[i]));
            _setTokenURI(uint256(digests[i]), uris[i]);
        }
    }

    function amend(bytes32 digest, string calldata uri) external {
        _setTokenURI(uint256(digest), uri);
    }

    function revoke(bytes32 digest) external {
        _burn(uint256(digest));
    }
}

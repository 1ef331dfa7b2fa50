// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "solady/src/tokens/ERC721.sol";

/// @dev Solady's ERC-721 with block and status in the 96 bits beside the owner, and a second event.
/// Anyone may do anything: no role is checked.
contract SoladyToken is ERC721 {
    event Issued(uint256 indexed tokenId, address indexed issuer, address indexed holder);
    event StatusChanged(uint256 indexed tokenId, address indexed by, uint256 status, uint256 previousBlock);

    function name() public pure override returns (string memory) {
        return "Peer";
    }

    function symbol() public pure override returns (string memory) {
        return "PEER";
    }

    function tokenURI(uint256) public pure override returns (string memory) {
        return "";
    }

    function issue(address holder, bytes32 digest) external {
        _issue(holder, uint256(digest));
    }

    function issueMany(address[] calldata holders, bytes32[] calldata digests) external {
        for (uint256 i; i < holders.length; ++i) {
            _issue(holders[i], uint256(digests[i]));
        }
    }

    function revoke(bytes32 digest) external {
        uint256 tokenId = uint256(digest);
        uint256 before = _getExtraData(tokenId) >> 2;
        _setExtraData(tokenId, uint96((block.number << 2) | 3));
        emit StatusChanged(tokenId, msg.sender, 3, before);
    }

    function _issue(address holder, uint256 tokenId) private {
        _mint(holder, tokenId);
        _setExtraData(tokenId, uint96((block.number << 2) | 1));
        emit Issued(tokenId, msg.sender, holder);
    }
}

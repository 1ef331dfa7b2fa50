// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC721A} from "erc721a/contracts/ERC721A.sol";

/// @dev ERC721A counts its ids, so the document's hash needs a slot of its own. A batch has one holder.
/// Anyone may do anything: no role is checked.
contract CountedToken is ERC721A("Peer", "PEER") {
    event Issued(uint256 indexed tokenId, bytes32 indexed digest);

    mapping(uint256 tokenId => bytes32) public digestOf;

    function issue(address holder, bytes32 digest) external {
        uint256 tokenId = _nextTokenId();
        _mint(holder, 1);
        digestOf[tokenId] = digest;
        emit Issued(tokenId, digest);
    }

    function issueMany(address holder, bytes32[] calldata digests) external {
        uint256 first = _nextTokenId();
        _mint(holder, digests.length);
        for (uint256 i; i < digests.length; ++i) {
            digestOf[first + i] = digests[i];
            emit Issued(first + i, digests[i]);
        }
    }

    function amend(uint256 tokenId, bytes32 digest) external {
        digestOf[tokenId] = digest;
        emit Issued(tokenId, digest);
    }

    function revoke(uint256 tokenId) external {
        _burn(tokenId);
    }
}

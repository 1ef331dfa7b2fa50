// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC5192} from "./interfaces/IERC5192.sol";
import {ProvenanceToken} from "./ProvenanceToken.sol";

/// @title Export contracts: locked for life (ERC-5192), assigned by consent only.
contract ExportContract is ProvenanceToken, IERC5192 {
    constructor(address admin, uint48 adminDelay) ProvenanceToken(admin, adminDelay) {}

    function name() public pure override returns (string memory) {
        return "Export Contract";
    }

    function symbol() public pure override returns (string memory) {
        return "EXPORT";
    }

    function contractURI() external pure returns (string memory) {
        return 'data:application/json;utf8,{"name":"Export Contract","symbol":"EXPORT"}';
    }

    /// @inheritdoc IERC5192
    function locked(uint256 tokenId) external view returns (bool) {
        if (!_exists(tokenId)) revert TokenDoesNotExist();
        return true;
    }

    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return interfaceId == type(IERC5192).interfaceId || super.supportsInterface(interfaceId);
    }

    function _issue(address holder, uint256 tokenId, uint256 issuerIndex) internal override returns (bool issued) {
        issued = super._issue(holder, tokenId, issuerIndex);
        if (issued) emit Locked(tokenId);
    }

    function _beforeTokenTransfer(address from, address to, uint256 tokenId) internal override {
        if (from != address(0) && to != address(0)) revert Token_Locked(tokenId);
        super._beforeTokenTransfer(from, to, tokenId);
    }
}

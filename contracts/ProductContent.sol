// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC2981} from "solady/src/tokens/ERC2981.sol";

import {ProvenanceToken} from "./ProvenanceToken.sol";

/// @title Product content: freely transferable, with ERC-2981 royalty; locked only while suspended.
contract ProductContent is ProvenanceToken, ERC2981 {
    constructor(address admin, uint48 adminDelay, address royaltyReceiver, uint96 royaltyBasisPoints)
        ProvenanceToken(admin, adminDelay)
    {
        if (royaltyReceiver != address(0)) _setDefaultRoyalty(royaltyReceiver, royaltyBasisPoints);
    }

    function name() public pure override returns (string memory) {
        return "Product Content";
    }

    function symbol() public pure override returns (string memory) {
        return "PRODUCT";
    }

    function contractURI() external pure returns (string memory) {
        return 'data:application/json;utf8,{"name":"Product Content","symbol":"PRODUCT"}';
    }

    function supportsInterface(bytes4 interfaceId)
        public
        view
        override(ProvenanceToken, ERC2981)
        returns (bool)
    {
        return ERC2981.supportsInterface(interfaceId) || ProvenanceToken.supportsInterface(interfaceId);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IERC721Receiver} from "@openzeppelin/contracts/token/ERC721/IERC721Receiver.sol";
import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {EIP712} from "solady/src/utils/EIP712.sol";
import {SignatureCheckerLib} from "solady/src/utils/SignatureCheckerLib.sol";

import {Anchors} from "./Anchors.sol";
import {IProductContent} from "./interfaces/IProductContent.sol";
import {HolderChange, Status} from "./interfaces/IProvenanceToken.sol";
import {PackedRecord} from "./PackedRecord.sol";
import {ProvenanceToken} from "./ProvenanceToken.sol";
import {Recovery} from "./Recovery.sol";
import {Issuers} from "./Issuers.sol";

/// @title Product content
contract ProductContent is IProductContent, IERC2981, Anchors, Recovery, EIP712 {
    bytes32 private constant PERMIT_TYPEHASH =
        keccak256("Permit(address spender,uint256 tokenId,uint256 nonce,uint256 deadline)");
    uint16 private constant HIGHEST_ROYALTY = 1_000;
    uint256 private constant BASIS_POINTS = 10_000;

    address private _royaltyReceiver;
    uint16 private _royaltyBasisPoints;
    mapping(uint256 tokenId => uint64) private _permits;

    constructor(
        address admin,
        uint48 adminDelay,
        uint48 delay,
        address royaltyReceiver,
        uint16 royaltyBasisPoints
    ) Issuers(admin, adminDelay) Recovery(delay) {
        _setRoyalty(royaltyReceiver, royaltyBasisPoints);
    }

    function setRoyalty(address receiver, uint16 basisPoints) external override onlyRole(DEFAULT_ADMIN_ROLE) {
        _setRoyalty(receiver, basisPoints);
    }

    function permit(address spender, uint256 tokenId, uint256 deadline, bytes calldata signature) external override {
        if (block.timestamp > deadline) revert Permit_Expired(deadline);
        _requireActive(tokenId);
        address holder = _ownerOf(tokenId);
        bytes32 digest = permitDigest(spender, tokenId, deadline);
        if (!SignatureCheckerLib.isValidSignatureNowCalldata(holder, digest, signature)) {
            revert Permit_InvalidSignature(holder);
        }
        ++_permits[tokenId];
        _approve(spender, tokenId);
    }

    function nonces(uint256 tokenId) public view override returns (uint256) {
        _requireHeld(tokenId);
        return (uint256(_dataOf(tokenId).headBlock()) << 64) | _permits[tokenId];
    }

    function permitDigest(address spender, uint256 tokenId, uint256 deadline) public view override returns (bytes32) {
        return _hashTypedData(keccak256(abi.encode(PERMIT_TYPEHASH, spender, tokenId, nonces(tokenId), deadline)));
    }

    function DOMAIN_SEPARATOR() external view override returns (bytes32) {
        return _domainSeparator();
    }

    function royaltyInfo(uint256, uint256 salePrice) external view override returns (address, uint256) {
        return (_royaltyReceiver, salePrice * _royaltyBasisPoints / BASIS_POINTS);
    }

    function locked(uint256 tokenId) external view override returns (bool) {
        _requireHeld(tokenId);
        return _dataOf(tokenId).status() == Status.Suspended;
    }

    function name() public pure override returns (string memory) {
        return "Product Content";
    }

    function symbol() public pure override returns (string memory) {
        return "PRODUCT";
    }

    function contractURI() external pure override returns (string memory) {
        return "data:application/json;utf8,{\"name\":\"Product Content\",\"symbol\":\"PRODUCT\","
            "\"description\":\"Product content anchored by the sha256 of its manifests.\"}";
    }

    /// @dev Also ERC-2981 and ERC-4494.
    function supportsInterface(bytes4 interfaceId)
        public
        view
        override(IERC165, ProvenanceToken)
        returns (bool)
    {
        return super.supportsInterface(interfaceId) || interfaceId == type(IERC2981).interfaceId
            || interfaceId == 0x5604e225;
    }

    function approve(address account, uint256 tokenId) public payable override {
        _refuseValue();
        address holder = _requireHeld(tokenId);
        if (msg.sender != holder && !isApprovedForAll(holder, msg.sender)) revert ERC721InvalidApprover(msg.sender);
        super.approve(account, tokenId);
    }

    function transferFrom(address from, address to, uint256 tokenId) public payable override {
        _refuseValue();
        address holder = _requireHeld(tokenId);
        PackedRecord data = _requireActive(tokenId);
        if (from != holder) revert ERC721IncorrectOwner(from, tokenId, holder);
        if (to == address(0)) revert ERC721InvalidReceiver(to);
        if (!_isApprovedOrOwner(msg.sender, tokenId)) revert ERC721InsufficientApproval(msg.sender, tokenId);
        _transfer(from, to, tokenId);
        _recordMove(tokenId, data, from, to, HolderChange.Transfer);
    }

    function safeTransferFrom(address from, address to, uint256 tokenId) public payable override {
        transferFrom(from, to, tokenId);
        _requireReceiver(from, to, tokenId, "");
    }

    function safeTransferFrom(address from, address to, uint256 tokenId, bytes calldata data) public payable override {
        transferFrom(from, to, tokenId);
        _requireReceiver(from, to, tokenId, data);
    }

    function _locksForLife() internal pure override returns (bool) {
        return false;
    }

    function _afterSuspended(uint256 tokenId) internal override {
        emit Locked(tokenId);
    }

    function _afterRestored(uint256 tokenId) internal override {
        emit Unlocked(tokenId);
    }

    function _domainNameAndVersion() internal pure override returns (string memory, string memory) {
        return (name(), "1");
    }

    function _setRoyalty(address receiver, uint16 basisPoints) private {
        if (basisPoints > HIGHEST_ROYALTY || (basisPoints != 0 && receiver == address(0))) {
            revert Royalty_Invalid(receiver, basisPoints);
        }
        (_royaltyReceiver, _royaltyBasisPoints) = (receiver, basisPoints);
        emit RoyaltySet(receiver, basisPoints);
    }

    /// @dev Reads one word of the answer, so that a receiver cannot make the caller pay for more.
    function _requireReceiver(address from, address to, uint256 tokenId, bytes memory data) private {
        if (to.code.length == 0) return;
        bytes memory callData = abi.encodeCall(IERC721Receiver.onERC721Received, (msg.sender, from, tokenId, data));
        bool accepted;
        assembly ("memory-safe") {
            mstore(0x00, 0)
            accepted := call(gas(), to, 0, add(callData, 0x20), mload(callData), 0x00, 0x20)
            accepted := and(accepted, eq(mload(0x00), shl(224, 0x150b7a02)))
        }
        if (!accepted) revert ERC721InvalidReceiver(to);
    }

    /// @dev ERC-721 lets these functions take value; there is nothing to pay for, and no way to get it back.
    function _refuseValue() private view {
        if (msg.value != 0) revert Token_NotPayable();
    }
}

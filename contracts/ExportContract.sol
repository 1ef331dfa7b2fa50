// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "solady/src/utils/ECDSA.sol";
import {EIP712} from "solady/src/utils/EIP712.sol";
import {SignatureCheckerLib} from "solady/src/utils/SignatureCheckerLib.sol";

import {Anchors} from "./Anchors.sol";
import {IExportContract} from "./interfaces/IExportContract.sol";
import {HolderChange} from "./interfaces/IProvenanceToken.sol";
import {PackedRecord} from "./PackedRecord.sol";
import {Recovery} from "./Recovery.sol";
import {Issuers} from "./Issuers.sol";

/// @title Export contracts
contract ExportContract is IExportContract, Anchors, Recovery, EIP712 {
    bytes32 private constant DEAL_TYPEHASH = keccak256(
        "Deal(bytes32 digest,address issuer,address exporter,address buyer,address holder,uint256 deadline)"
    );
    bytes32 private constant ASSIGNMENT_TYPEHASH =
        keccak256("Assignment(uint256 tokenId,address from,address to,uint64 headBlock,uint256 deadline)");

    constructor(address admin, uint48 adminDelay, uint48 delay) Issuers(admin, adminDelay) Recovery(delay) {}

    function issueConsented(
        Deal calldata deal,
        bytes calldata exporterSignature,
        bytes calldata buyerSignature,
        bytes calldata issuerSignature
    ) external override returns (uint256 tokenId) {
        uint256 index = _activeIssuer(deal.issuer);
        if (block.timestamp > deal.deadline) revert Consent_Expired(deal.deadline);
        bytes32 digest = dealDigest(deal);
        // Where the exporter is the issuer key, the exporter's signature is the issuer's.
        if (msg.sender != deal.issuer && deal.exporter != deal.issuer) {
            _requireSignature(deal.issuer, digest, issuerSignature);
        }
        _requireSignature(deal.exporter, digest, exporterSignature);
        _requireSignature(deal.buyer, digest, buyerSignature);
        uint256 dealAt;
        assembly {
            dealAt := deal
        }
        tokenId = _issueOne(index, block.timestamp, deal.issuer, dealAt + 128, dealAt);
        emit Consented(tokenId, deal.exporter, deal.buyer);
    }

    function assign(Assignment calldata assignment, bytes calldata fromSignature, bytes calldata toSignature)
        external
        override
    {
        _requireNotPaused();
        if (block.timestamp > assignment.deadline) revert Consent_Expired(assignment.deadline);
        uint256 tokenId = assignment.tokenId;
        PackedRecord data = _requireActive(tokenId);
        address from = _ownerOf(tokenId);
        if (assignment.from != from) revert ERC721IncorrectOwner(assignment.from, tokenId, from);
        if (data.headBlock() != assignment.headBlock || data.headBlock() >= block.number) {
            revert Consent_Stale(tokenId, data.headBlock());
        }
        bytes32 digest = assignmentDigest(assignment);
        _requireSignature(from, digest, fromSignature);
        _requireSignature(assignment.to, digest, toSignature);
        _move(tokenId, from, assignment.to, HolderChange.Assignment);
    }

    function dealDigest(Deal calldata deal) public view override returns (bytes32) {
        bytes32 typehash = DEAL_TYPEHASH;
        bytes32 structHash;
        // The struct's six words stand in the calldata as `abi.encode` would write them.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typehash)
            calldatacopy(add(free, 0x20), deal, 0xc0)
            structHash := keccak256(free, 0xe0)
        }
        return _hashTypedData(structHash);
    }

    function assignmentDigest(Assignment calldata assignment) public view override returns (bytes32) {
        return _hashTypedData(
            keccak256(
                abi.encode(
                    ASSIGNMENT_TYPEHASH,
                    assignment.tokenId,
                    assignment.from,
                    assignment.to,
                    assignment.headBlock,
                    assignment.deadline
                )
            )
        );
    }

    function locked(uint256 tokenId) external view override returns (bool) {
        _requireHeld(tokenId);
        return true;
    }

    function name() public pure override returns (string memory) {
        return "Export Contract";
    }

    function symbol() public pure override returns (string memory) {
        return "EXPORT";
    }

    function contractURI() external pure override returns (string memory) {
        return "data:application/json;utf8,{\"name\":\"Export Contract\",\"symbol\":\"EXPORT\","
            "\"description\":\"Export contracts anchored by the sha256 of their manifests. Locked tokens.\"}";
    }

    function transferFrom(address, address, uint256 tokenId) public payable override {
        _refuseWithoutConsent(tokenId);
    }

    function safeTransferFrom(address, address, uint256 tokenId) public payable override {
        _refuseWithoutConsent(tokenId);
    }

    function safeTransferFrom(address, address, uint256 tokenId, bytes calldata) public payable override {
        _refuseWithoutConsent(tokenId);
    }

    function approve(address, uint256 tokenId) public payable override {
        _refuseWithoutConsent(tokenId);
    }

    function setApprovalForAll(address, bool) public pure override {
        revert Consent_NoOperators();
    }

    function _locksForLife() internal pure override returns (bool) {
        return true;
    }

    function _domainNameAndVersion() internal pure override returns (string memory, string memory) {
        return (name(), "1");
    }

    function _refuseWithoutConsent(uint256 tokenId) private view {
        _requireHeld(tokenId);
        revert Token_Locked(tokenId);
    }

    /// @dev A plain key's signature is tried first, which spares a look at the signer's code; what is none goes to
    /// the signer as an ERC-1271 wallet. An account that has both (EIP-7702) may sign either way.
    function _requireSignature(address signer, bytes32 digest, bytes calldata signature) private view {
        if (signer != address(0)) {
            if (ECDSA.tryRecoverCalldata(digest, signature) == signer) return;
            if (SignatureCheckerLib.isValidERC1271SignatureNowCalldata(signer, digest, signature)) return;
        }
        revert Consent_InvalidSignature(signer);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleProofLib} from "solady/src/utils/MerkleProofLib.sol";

import {IAnchors} from "./interfaces/IAnchors.sol";
import {Status} from "./interfaces/IProvenanceToken.sol";
import {ProvenanceToken} from "./ProvenanceToken.sol";
import {PackedRecordCodec} from "./PackedRecord.sol";

/// @title Anchors
/// @dev A revoked leaf is a tombstone in the token's own slot: the claim reads it there, at no extra price.
abstract contract Anchors is IAnchors, ProvenanceToken {
    struct Anchor {
        uint16 index; // issuer key
        uint40 time; // unix seconds
    }

    mapping(address issuer => mapping(bytes32 root => Anchor)) private _anchors;

    function attestTree(bytes32 root) external override {
        uint256 index = _activeIssuer(msg.sender);
        if (root == 0) revert Anchor_ZeroRoot();
        if (_anchors[msg.sender][root].time != 0) revert Anchor_Exists(msg.sender, root);
        _anchors[msg.sender][root] = Anchor(uint16(index), uint40(block.timestamp));
        emit Anchored(msg.sender, root);
    }

    function claimOne(address issuer, bytes32 root, address holder, bytes32 digest, bytes32[] calldata proof)
        external
        override
        returns (uint256 tokenId)
    {
        Anchor memory entry = _requireClaimable(issuer, root);
        if (!MerkleProofLib.verifyCalldata(proof, root, leafOf(holder, digest))) revert Anchor_InvalidProof(root);
        return _issueOne(entry.index, entry.time, issuer, 68, 100);
    }

    function claimMany(
        address issuer,
        bytes32 root,
        address[] calldata holders,
        bytes32[] calldata digests,
        bytes32[] calldata proof,
        bool[] calldata proofFlags
    ) external override {
        Anchor memory entry = _requireClaimable(issuer, root);
        if (holders.length != digests.length || holders.length == 0) {
            revert Batch_LengthMismatch(holders.length, digests.length);
        }
        bytes32[] memory leaves = new bytes32[](holders.length);
        for (uint256 i; i < holders.length; ++i) {
            leaves[i] = leafOf(holders[i], digests[i]);
        }
        if (!MerkleProofLib.verifyMultiProof(proof, root, leaves, proofFlags)) revert Anchor_InvalidProof(root);
        _issueAll(entry.index, entry.time, issuer, holders, digests);
    }

    function revokeLeaf(
        address issuer,
        bytes32 root,
        address holder,
        bytes32 digest,
        bytes32[] calldata proof,
        bytes32 reason
    ) external override {
        Anchor memory entry = _anchors[issuer][root];
        if (entry.time == 0) revert Anchor_Unknown(issuer, root);
        uint256 tokenId = uint256(digest);
        if (!_isColleague(msg.sender, entry.index) && !hasRole(REGISTRAR_ROLE, msg.sender)) {
            revert Issuer_NotAuthorized(msg.sender);
        }
        if (!MerkleProofLib.verifyCalldata(proof, root, leafOf(holder, digest))) revert Anchor_InvalidProof(root);
        if (_dataOf(tokenId).status() != Status.Unknown) revert Token_AlreadyIssued(tokenId);
        _write(tokenId, PackedRecordCodec.fresh(block.number, entry.time, entry.index).withStatus(Status.Revoked, false));
        emit StatusChanged(tokenId, msg.sender, Status.Revoked, reason, 0);
    }

    function anchoredAt(address issuer, bytes32 root) external view override returns (uint64) {
        return _anchors[issuer][root].time;
    }

    function leafOf(address holder, bytes32 digest) public pure override returns (bytes32 leaf) {
        assembly ("memory-safe") {
            mstore(0x00, shr(96, shl(96, holder)))
            mstore(0x20, digest)
            mstore(0x00, keccak256(0x00, 0x40))
            leaf := keccak256(0x00, 0x20)
        }
    }

    function _requireClaimable(address issuer, bytes32 root) private view returns (Anchor memory entry) {
        bool first = _isFirstIssuer(issuer);
        entry = _anchors[issuer][root];
        if (entry.time == 0) revert Anchor_Unknown(issuer, root);
        if (!first && !_isTrusted(issuer, entry.time)) revert Anchor_Distrusted(issuer, root);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Thousands of documents under one Merkle root
/// @notice An issuer anchors the root of a tree of (holder, digest) leaves; whoever needs the token of one of them
/// claims it later, for its holder. Leaves and trees are those of OpenZeppelin's `StandardMerkleTree` with the types
/// `["address", "bytes32"]`: leaf = keccak256(keccak256(abi.encode(holder, digest))), sorted pairs.
///
/// Anchors are kept by issuer, so nobody can take a root before its issuer does. A claim names the holder in the
/// leaf, so whoever is faster only pays for it. The token counts as issued when it was anchored.
interface IAnchors {
    /// @notice The issuer anchored this root before.
    error Anchor_Exists(address issuer, bytes32 root);
    /// @notice The issuer never anchored this root.
    error Anchor_Unknown(address issuer, bytes32 root);
    /// @notice A root of zero is no tree's.
    error Anchor_ZeroRoot();
    /// @notice The issuer is marked as not trusted for the time of the anchor.
    error Anchor_Distrusted(address issuer, bytes32 root);
    /// @notice The proof does not lead to the root.
    error Anchor_InvalidProof(bytes32 root);

    /// @notice A root was anchored.
    event Anchored(address indexed issuer, bytes32 indexed root);

    /// @notice Anchor the root of a tree of leaves. Issuers only.
    function attestTree(bytes32 root) external;

    /// @notice Issue the token of one leaf. Anyone.
    function claimOne(address issuer, bytes32 root, address holder, bytes32 digest, bytes32[] calldata proof)
        external
        returns (uint256 tokenId);

    /// @notice Issue the tokens of many leaves by one multiproof, leaves in the order of the proof. Anyone.
    function claimMany(
        address issuer,
        bytes32 root,
        address[] calldata holders,
        bytes32[] calldata digests,
        bytes32[] calldata proof,
        bool[] calldata proofFlags
    ) external;

    /// @notice Revoke a leaf that was never claimed: its id can never be issued. Active issuers of the anchor's
    /// organisation, or the registrar.
    function revokeLeaf(
        address issuer,
        bytes32 root,
        address holder,
        bytes32 digest,
        bytes32[] calldata proof,
        bytes32 reason
    ) external;

    /// @notice When the issuer anchored the root (unix seconds); 0 when never.
    function anchoredAt(address issuer, bytes32 root) external view returns (uint64);

    /// @notice The leaf of a holder and a digest.
    function leafOf(address holder, bytes32 digest) external pure returns (bytes32);
}

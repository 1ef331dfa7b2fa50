// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice What the contract says of a token.
enum Status {
    Unknown,
    Active,
    Suspended,
    Revoked
}

/// @notice Why a batch item is refused.
enum Refusal {
    None,
    ZeroHolder,
    ZeroDigest,
    AlreadyIssued
}

/// @notice How a token came to another holder.
enum HolderChange {
    Transfer,
    Assignment,
    Recovery
}

/// @notice Everything that a verifier needs to know of a token.
/// @param status Unknown when the id was never issued; then every other field is zero
/// @param holder Present owner; zero once revoked
/// @param issuer Key that answers for the newest version: the issuer, after an amendment the amender
/// @param issuerTrusted False when that key is marked as not trusted for the time of the newest version
/// @param version 1 when issued, one more with each amendment
/// @param digest sha256 of the newest version's manifest
/// @param issuedAt Unix seconds of the newest version
/// @param headBlock Block of the token's last record, from which the history is walked backwards
/// @param held Suspended by the registrar: only the registrar restores
/// @param recovering A recovery is proposed
struct Record {
    Status status;
    address holder;
    address issuer;
    bool issuerTrusted;
    uint32 version;
    bytes32 digest;
    uint64 issuedAt;
    uint64 headBlock;
    bool held;
    bool recovering;
}

/// @title Tokens that prove where a document comes from
/// @notice An ERC-721 whose token id is the sha256 of the asset's first manifest. The id is known before it is
/// issued, cannot be issued twice, and gives the manifest's address without any storage.
///
/// Records are linked: each record event names the block of the token's record before it, and `recordOf` names the
/// last one, so a token's whole history is read by one-block log queries with the topics `[null, tokenId]`.
/// Two records of one token in one block name the same block before it or each other's: read the whole block, then
/// go on with the smallest `previousBlock` found in it.
///
/// No receiver is called when a token is issued, so no receiver can stop a batch.
interface IProvenanceToken {
    /// @notice The id was issued before; revoked ids stay issued.
    error Token_AlreadyIssued(uint256 tokenId);
    /// @notice A digest of zero names nothing.
    error Digest_Zero();
    /// @notice The digest is the newest version's already.
    error Token_SameDigest(uint256 tokenId);
    /// @notice The token's status does not allow it.
    error Token_WrongStatus(uint256 tokenId, Status status);
    /// @notice The token has had all 1,023 versions.
    error Token_TooManyVersions(uint256 tokenId);
    /// @notice Tokens are not paid for.
    error Token_NotPayable();
    /// @notice The lists differ in length.
    error Batch_LengthMismatch(uint256 holders, uint256 digests);
    /// @notice The item at `index` cannot be issued, so nothing was.
    error Batch_ItemRefused(uint256 index, Refusal reason);

    /// @notice A token was issued: its first record.
    event Issued(uint256 indexed tokenId, address indexed issuer, address indexed holder);
    /// @notice A new version was anchored under the token.
    event Amended(
        uint256 indexed tokenId, address indexed issuer, bytes32 digest, uint32 version, uint64 previousBlock
    );
    /// @notice The token was suspended, restored or revoked. `reason` is the actor's own, often a digest of a letter.
    event StatusChanged(
        uint256 indexed tokenId, address indexed actor, Status status, bytes32 reason, uint64 previousBlock
    );
    /// @notice The token came to another holder.
    event HolderChanged(
        uint256 indexed tokenId, address indexed from, address indexed to, HolderChange cause, uint64 previousBlock
    );

    /// @notice Issue a token for a manifest. Issuers only.
    /// @param holder First owner
    /// @param digest sha256 of the manifest
    /// @return tokenId The digest as a number
    function issue(address holder, bytes32 digest) external returns (uint256 tokenId);

    /// @notice Issue many tokens to their holders: all of them, or none and the first bad item's index. Issuers only.
    function issueMany(address[] calldata holders, bytes32[] calldata digests) external;

    /// @notice What `issueMany` would refuse now, item by item, repetitions inside the list included.
    function precheck(address[] calldata holders, bytes32[] calldata digests)
        external
        view
        returns (Refusal[] memory refusals);

    /// @notice Anchor a new version under an active token. Active issuers of the token's organisation.
    function amend(uint256 tokenId, bytes32 digest) external;

    /// @notice End a token for good: it is burned, its record stays, its id is never issued again.
    /// Active issuers of the token's organisation, or the registrar; also while paused.
    function revoke(uint256 tokenId, bytes32 reason) external;

    /// @notice Freeze an active token. Active issuers of the token's organisation, or the registrar; also while paused. An
    /// account that is both acts as the issuer that it is.
    function suspend(uint256 tokenId, bytes32 reason) external;

    /// @notice Unfreeze a suspended token. Who may suspend; only the registrar where the registrar suspended it.
    function restore(uint256 tokenId, bytes32 reason) external;

    /// @notice Everything a verifier needs to know of a token. Never reverts.
    function recordOf(uint256 tokenId) external view returns (Record memory);

    /// @notice `recordOf` for each id.
    function recordsOf(uint256[] calldata tokenIds) external view returns (Record[] memory);

    /// @notice Name, symbol and description of the collection (ERC-7572), as a data URI.
    function contractURI() external view returns (string memory);
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title One token per asset, for life.
/// @notice The token id is the sha256 of the asset's first manifest, so a second issue of the
/// same asset reverts by itself and `tokenURI` needs no storage. Every record event names the
/// block of the token's record before it, and the head of that chain stands in the token's
/// packed slot: the whole history is walked backwards with one-block log queries.
interface IProvenanceToken {
    /// @notice What a token is. `UNKNOWN`: never issued. `REVOKED` is for ever.
    enum Status {
        UNKNOWN,
        ACTIVE,
        SUSPENDED,
        REVOKED
    }

    /// @notice Everything a verifier needs to know about a token at a block.
    /// @param status What the token is.
    /// @param holder Who holds it; zero once revoked.
    /// @param issuer The account that issued it.
    /// @param issuerTrusted False where the issuer's key was called stolen as of a time before
    /// the token was issued.
    /// @param version Number of manifests anchored under the token, from 1.
    /// @param digest sha256 of the current manifest.
    /// @param issuedAt When it was issued, in Unix seconds.
    /// @param headBlock Block of the token's last record.
    struct Record {
        Status status;
        address holder;
        address issuer;
        bool issuerTrusted;
        uint32 version;
        bytes32 digest;
        uint64 issuedAt;
        uint64 headBlock;
    }

    /// @notice An asset was issued. The first record of every token, so it has none before it.
    event Issued(uint256 indexed tokenId, address indexed issuer, address indexed holder);

    /// @notice A new manifest was anchored under a token.
    /// @param digest sha256 of the new manifest.
    /// @param version Its number, from 2.
    /// @param previousBlock Block of the token's record before this one.
    event Amended(
        uint256 indexed tokenId, address indexed issuer, bytes32 digest, uint32 version, uint64 previousBlock
    );

    /// @notice A token was suspended, restored or revoked.
    /// @param reason sha256 of a reason kept elsewhere, or a short text; zero where none is given.
    /// @param previousBlock Block of the token's record before this one.
    event StatusChanged(
        uint256 indexed tokenId, address indexed actor, Status status, bytes32 reason, uint64 previousBlock
    );

    /// @notice A token went to another holder.
    /// @param previousBlock Block of the token's record before this one.
    event HolderChanged(uint256 indexed tokenId, address indexed from, address indexed to, uint64 previousBlock);

    /// @notice An account may issue.
    event IssuerAuthorized(address indexed issuer, uint16 index);

    /// @notice An account may no longer issue. What it issued stays.
    event IssuerSuspended(address indexed issuer);

    /// @notice What an account issued at or after `since` (Unix seconds) is marked as not trusted.
    event IssuerDistrusted(address indexed issuer, uint64 since);

    /// @notice The account may not issue, or may not change this token.
    error Issuer_NotAuthorized(address account);

    /// @notice The account is an issuer already.
    error Issuer_AlreadyAuthorized(address account);

    /// @notice No more issuers can be named.
    error Issuer_TooMany();

    /// @notice The asset was issued before, or was revoked.
    error Token_AlreadyIssued(uint256 tokenId);

    /// @notice The token does not stand as the call needs it.
    error Token_WrongStatus(uint256 tokenId, Status status);

    /// @notice The holder must hold its own consent to a transfer of this token.
    error Token_Locked(uint256 tokenId);

    /// @notice The token was amended as often as can be counted.
    error Token_TooManyVersions(uint256 tokenId);

    /// @notice A digest of zero names no manifest.
    error Digest_Zero();

    /// @notice Holders and digests are not of the same number.
    error Batch_LengthMismatch(uint256 holders, uint256 digests);

    /// @notice Item `index` of a batch is refused: it was issued before.
    error Batch_AlreadyIssued(uint256 index, uint256 tokenId);

    /// @notice Issue the token of a manifest.
    /// @param holder Who shall hold it.
    /// @param digest sha256 of the manifest.
    /// @return tokenId `uint256(digest)`.
    function issue(address holder, bytes32 digest) external returns (uint256 tokenId);

    /// @notice Issue many tokens, to one holder each. All or none.
    function issueMany(address[] calldata holders, bytes32[] calldata digests) external;

    /// @notice Anchor a new manifest under a token that this account issued.
    function amend(uint256 tokenId, bytes32 digest) external;

    /// @notice Suspend an active token: by its issuer, or by a registrar.
    function suspend(uint256 tokenId, bytes32 reason) external;

    /// @notice Restore a suspended token: by its issuer, or by a registrar.
    function restore(uint256 tokenId, bytes32 reason) external;

    /// @notice Revoke a token for ever: by its issuer, or by a registrar. The id can never be
    /// issued again; the record stays readable.
    function revoke(uint256 tokenId, bytes32 reason) external;

    /// @notice Let an account issue, or issue again. By the admin.
    function authorizeIssuer(address account) external;

    /// @notice Stop an account from issuing. By a registrar.
    function suspendIssuer(address account) external;

    /// @notice Mark, without deleting, what an account issued at or after `since` (Unix seconds),
    /// and stop it. The mark can be moved to an earlier time only. By a registrar.
    function distrustIssuer(address account, uint64 since) external;

    /// @notice Stop every change of tokens. By a pauser.
    function pause() external;

    /// @notice Allow changes again. By a pauser.
    function unpause() external;

    /// @notice Everything about one token. Never reverts.
    function recordOf(uint256 tokenId) external view returns (Record memory);

    /// @notice Everything about many tokens.
    function recordsOf(uint256[] calldata tokenIds) external view returns (Record[] memory);

    /// @notice Whether the account may issue now.
    function isIssuer(address account) external view returns (bool);

    /// @notice ERC-7572 metadata of the contract itself.
    function contractURI() external view returns (string memory);
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Export contracts: locked tokens that move by consent
/// @notice A token is locked (ERC-5192) for life. It moves only by `assign`, with the signed consent of its holder
/// and of the recipient, or by a recovery. Approvals do not exist.
///
/// Consents are EIP-712 typed data, from plain keys or ERC-1271 wallets. Anyone may bring them. A deal's consent is
/// bound to its digest, which is issued once; an assignment's is bound to the token's `headBlock`, which every
/// record moves on, so that neither works twice and none outlives the state that was signed.
interface IExportContract {
    /// @notice What the exporter and the buyer agree to; signed by both, and by the issuer where it neither calls itself
    /// nor is the exporter.
    /// @param digest sha256 of the manifest
    /// @param issuer Issuer key that answers for the token
    /// @param holder First owner
    /// @param deadline Unix seconds; not valid later
    struct Deal {
        bytes32 digest;
        address issuer;
        address exporter;
        address buyer;
        address holder;
        uint256 deadline;
    }

    /// @notice What a holder and a recipient agree to; signed by both.
    /// @param headBlock The token's `headBlock` when it was signed
    /// @param deadline Unix seconds; not valid later
    struct Assignment {
        uint256 tokenId;
        address from;
        address to;
        uint64 headBlock;
        uint256 deadline;
    }

    /// @notice The token does not move without consent.
    error Token_Locked(uint256 tokenId);
    /// @notice Operators do not exist for locked tokens.
    error Consent_NoOperators();
    /// @notice The consent is over since `deadline` (unix seconds).
    error Consent_Expired(uint256 deadline);
    /// @notice The consent was given for another state of the token, or the token changed in this very block.
    error Consent_Stale(uint256 tokenId, uint64 headBlock);
    /// @notice The signature is not this signer's.
    error Consent_InvalidSignature(address signer);

    /// @notice The token was issued in this block with the consent of both parties.
    event Consented(uint256 indexed tokenId, address indexed exporter, address indexed buyer);

    /// @notice Issue a token with the consent of exporter and buyer. Anyone.
    /// @param issuerSignature The issuer's signature of the same deal. Not needed, and then not read, where the issuer is
    /// the caller or the exporter: leave it empty. Whatever stands there changes nothing that is recorded or can be
    /// reused, so it is not refused either.
    function issueConsented(
        Deal calldata deal,
        bytes calldata exporterSignature,
        bytes calldata buyerSignature,
        bytes calldata issuerSignature
    ) external returns (uint256 tokenId);

    /// @notice Move a token with the consent of its holder and of the recipient. Anyone.
    function assign(Assignment calldata assignment, bytes calldata fromSignature, bytes calldata toSignature) external;

    /// @notice EIP-712 digest that the parties of a deal sign.
    function dealDigest(Deal calldata deal) external view returns (bytes32);

    /// @notice EIP-712 digest that holder and recipient sign.
    function assignmentDigest(Assignment calldata assignment) external view returns (bytes32);
}

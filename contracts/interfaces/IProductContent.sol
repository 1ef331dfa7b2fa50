// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Product content: tokens that move freely
/// @notice Ordinary ERC-721 with a royalty (ERC-2981) and approvals by signature (ERC-4494). Locked (ERC-5192) only
/// while suspended.
interface IProductContent {
    /// @notice A royalty over 10 %, or one without receiver.
    error Royalty_Invalid(address receiver, uint16 basisPoints);
    /// @notice The permit is over since `deadline` (unix seconds).
    error Permit_Expired(uint256 deadline);
    /// @notice The signature is not the holder's.
    error Permit_InvalidSignature(address holder);

    /// @notice The royalty of every token changed.
    event RoyaltySet(address indexed receiver, uint16 basisPoints);

    /// @notice Set the royalty of every token, at most 1,000 basis points. Admin only.
    function setRoyalty(address receiver, uint16 basisPoints) external;

    /// @notice Approve `spender` by the holder's signature (ERC-4494). Anyone.
    /// @param deadline Unix seconds; not valid later
    function permit(address spender, uint256 tokenId, uint256 deadline, bytes calldata signature) external;

    /// @notice The nonce that the next permit signs; another one after each permit, and after each block with a record of
    /// the token.
    function nonces(uint256 tokenId) external view returns (uint256);

    /// @notice EIP-712 digest of a permit at the present nonce.
    function permitDigest(address spender, uint256 tokenId, uint256 deadline) external view returns (bytes32);

    /// @notice EIP-712 domain separator.
    function DOMAIN_SEPARATOR() external view returns (bytes32);
}

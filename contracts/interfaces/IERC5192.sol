// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title ERC-5192, minimal soulbound tokens. Interface id 0xb45a3c0e.
interface IERC5192 {
    /// @notice The token is locked from now on.
    event Locked(uint256 tokenId);

    /// @notice The token is unlocked from now on.
    event Unlocked(uint256 tokenId);

    /// @notice Whether the token is locked. Reverts for tokens of the zero address.
    function locked(uint256 tokenId) external view returns (bool);
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Recovery of tokens whose holder lost the keys
/// @notice The registrar proposes a new holder, in public. The present holder may veto until the last moment, and
/// any change of holder ends the proposal too. The delay is fixed when the contract is made.
interface IRecovery {
    /// @notice A recovery is under way already.
    error Recovery_UnderWay(uint256 tokenId);
    /// @notice There is no recovery to stop or to execute.
    error Recovery_None(uint256 tokenId);
    /// @notice The recovery cannot be executed before `executableAt` (unix seconds).
    error Recovery_TooEarly(uint256 tokenId, uint48 executableAt);

    /// @notice A delay outside 1 to 90 days.
    error Recovery_InvalidDelay(uint48 delay);

    /// @notice A recovery was proposed; executable from `executableAt` (unix seconds) on.
    event RecoveryProposed(
        uint256 indexed tokenId, address indexed from, address indexed to, uint64 executableAt, uint64 previousBlock
    );
    /// @notice The recovery was vetoed by the holder, taken back by the registrar, or ended by a transfer.
    event RecoveryStopped(uint256 indexed tokenId, address indexed by, uint64 previousBlock);

    /// @notice Propose `to` as the token's new holder. Registrar only.
    function proposeRecovery(uint256 tokenId, address to) external;

    /// @notice Stop a recovery: the holder's veto, or the registrar's withdrawal. Also while paused.
    function stopRecovery(uint256 tokenId) external;

    /// @notice Give the token to the proposed holder once the delay is over. Anyone.
    function executeRecovery(uint256 tokenId) external;

    /// @notice Proposed holder and first moment of execution (unix seconds); zeros when there is none.
    function recoveryOf(uint256 tokenId) external view returns (address to, uint48 executableAt);

    /// @notice Seconds between proposal and execution.
    function recoveryDelay() external view returns (uint48);
}

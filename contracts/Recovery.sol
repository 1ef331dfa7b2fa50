// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HolderChange} from "./interfaces/IProvenanceToken.sol";
import {IRecovery} from "./interfaces/IRecovery.sol";
import {ProvenanceToken} from "./ProvenanceToken.sol";
import {PackedRecord} from "./PackedRecord.sol";

/// @title Recovery
/// @dev The token's slot says whether a proposal is open, so that a transfer without one reads nothing more.
abstract contract Recovery is IRecovery, ProvenanceToken {
    struct Proposal {
        address to;
        uint48 executableAt; // unix seconds
    }

    uint48 private constant SHORTEST_DELAY = 1 days;
    uint48 private constant LONGEST_DELAY = 90 days;

    uint48 public immutable override recoveryDelay;

    mapping(uint256 tokenId => Proposal) private _proposals;

    constructor(uint48 delay) {
        if (delay < SHORTEST_DELAY || delay > LONGEST_DELAY) revert Recovery_InvalidDelay(delay);
        recoveryDelay = delay;
    }

    function proposeRecovery(uint256 tokenId, address to) external override onlyRole(REGISTRAR_ROLE) {
        _requireNotPaused();
        PackedRecord data = _requireActive(tokenId);
        if (data.recovering()) revert Recovery_UnderWay(tokenId);
        address from = _ownerOf(tokenId);
        if (to == address(0) || to == from) revert ERC721InvalidReceiver(to);
        uint48 executableAt = uint48(block.timestamp) + recoveryDelay;
        _proposals[tokenId] = Proposal(to, executableAt);
        _write(tokenId, data.withRecovering(true));
        emit RecoveryProposed(tokenId, from, to, executableAt, data.headBlock());
    }

    function stopRecovery(uint256 tokenId) external override {
        PackedRecord data = _dataOf(tokenId);
        if (!data.recovering()) revert Recovery_None(tokenId);
        if (msg.sender != _ownerOf(tokenId) && !hasRole(REGISTRAR_ROLE, msg.sender)) {
            revert Issuer_NotAuthorized(msg.sender);
        }
        _write(tokenId, _endRecovery(tokenId, data));
    }

    function executeRecovery(uint256 tokenId) external override {
        _requireNotPaused();
        PackedRecord data = _requireActive(tokenId);
        if (!data.recovering()) revert Recovery_None(tokenId);
        Proposal memory proposal = _proposals[tokenId];
        if (block.timestamp < proposal.executableAt) revert Recovery_TooEarly(tokenId, proposal.executableAt);
        delete _proposals[tokenId];
        address from = _ownerOf(tokenId);
        _transfer(from, proposal.to, tokenId);
        _recordMove(tokenId, data.withRecovering(false), from, proposal.to, HolderChange.Recovery);
    }

    function recoveryOf(uint256 tokenId) external view override returns (address to, uint48 executableAt) {
        Proposal storage proposal = _proposals[tokenId];
        return (proposal.to, proposal.executableAt);
    }

    function _endRecovery(uint256 tokenId, PackedRecord data) internal override returns (PackedRecord) {
        delete _proposals[tokenId];
        emit RecoveryStopped(tokenId, msg.sender, data.headBlock());
        return data.withRecovering(false);
    }
}

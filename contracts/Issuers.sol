// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";

import {IIssuers} from "./interfaces/IIssuers.sol";
import {PackedRecordCodec} from "./PackedRecord.sol";

/// @title Issuers, roles and the pause. See `IIssuers`.
/// @dev The pause and one active issuer share a slot, the gate: an issue by that issuer reads one slot for both
/// questions, an issue by any other key reads one more.
abstract contract Issuers is IIssuers, AccessControlDefaultAdminRules {
    bytes32 public constant REGISTRAR_ROLE = keccak256("REGISTRAR_ROLE");
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");

    struct Gate {
        /// @dev One active issuer, or zero.
        address issuer;
        /// @dev Its place in `_accounts`.
        uint16 index;
        bool paused;
    }

    Gate private _gate;
    mapping(address account => Issuer) private _issuers;
    mapping(uint256 index => address) private _accounts;
    uint16 private _issuerCount;

    constructor(address admin, uint48 adminDelay) AccessControlDefaultAdminRules(adminDelay, admin) {}

    /// @inheritdoc IIssuers
    function authorizeIssuer(address account) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _authorize(account, 0);
    }

    /// @inheritdoc IIssuers
    function authorizeColleague(address account, address issuer) external onlyRole(DEFAULT_ADMIN_ROLE) {
        uint16 organisation = _issuers[issuer].organisation;
        if (organisation == 0) revert Issuer_NotAuthorized(issuer);
        _authorize(account, organisation);
    }

    /// @inheritdoc IIssuers
    function suspendIssuer(address account) external onlyRole(REGISTRAR_ROLE) {
        if (!_issuers[account].active) revert Issuer_NotAuthorized(account);
        _stop(account);
        emit IssuerSuspended(account);
    }

    /// @inheritdoc IIssuers
    function distrustIssuer(address account, uint64 since) external onlyRole(REGISTRAR_ROLE) {
        Issuer storage issuer = _issuers[account];
        if (issuer.index == 0) revert Issuer_NotAuthorized(account);
        uint64 present = issuer.distrustedSince;
        if (since == 0 || (present != 0 && since >= present)) revert Issuer_MarkNotEarlier(account, present, since);
        _stop(account);
        issuer.distrustedSince = since;
        emit IssuerDistrusted(account, since);
    }

    /// @inheritdoc IIssuers
    function pause() external onlyRole(PAUSER_ROLE) {
        _gate.paused = true;
        emit Paused(msg.sender);
    }

    /// @inheritdoc IIssuers
    function unpause() external onlyRole(PAUSER_ROLE) {
        _gate.paused = false;
        emit Unpaused(msg.sender);
    }

    /// @inheritdoc IIssuers
    function paused() external view returns (bool) {
        return _gate.paused;
    }

    /// @inheritdoc IIssuers
    function isIssuer(address account) external view returns (bool) {
        return _issuers[account].active;
    }

    /// @inheritdoc IIssuers
    function issuerOf(address account) external view returns (Issuer memory) {
        return _issuers[account];
    }

    /// @inheritdoc IIssuers
    function issuerAt(uint16 index) external view returns (address) {
        return _accounts[index];
    }

    /// @dev Index of `account`, which must be an active issuer, nothing being paused.
    function _activeIssuer(address account) internal view returns (uint256 index) {
        Gate memory gate = _gate;
        if (gate.paused) revert Roles_Paused();
        if (gate.issuer == account) return gate.index;
        Issuer storage issuer = _issuers[account];
        if (!issuer.active) revert Issuer_NotAuthorized(account);
        return issuer.index;
    }

    function _requireNotPaused() internal view {
        if (_gate.paused) revert Roles_Paused();
    }

    /// @dev Whether `account` is the active issuer of the gate, so bears no mark; nothing may be paused.
    function _isFirstIssuer(address account) internal view returns (bool) {
        if (_gate.paused) revert Roles_Paused();
        return _gate.issuer == account;
    }

    /// @dev Whether `account` is an active issuer of the organisation of the key number `index`.
    function _isColleague(address account, uint16 index) internal view returns (bool) {
        Issuer storage issuer = _issuers[account];
        if (!issuer.active) return false;
        return issuer.index == index || issuer.organisation == _issuers[_accounts[index]].organisation;
    }

    function _accountAt(uint16 index) internal view returns (address) {
        return _accounts[index];
    }

    /// @dev Whether what `account` issued at `time` (Unix seconds) is free of a mark.
    function _isTrusted(address account, uint256 time) internal view returns (bool) {
        uint64 since = _issuers[account].distrustedSince;
        return since == 0 || time < since;
    }

    function _authorize(address account, uint16 organisation) private {
        Issuer storage issuer = _issuers[account];
        if (account == address(0)) revert Issuer_NotAuthorized(account);
        if (issuer.distrustedSince != 0) revert Issuer_Distrusted(account);
        bool elsewhere = issuer.index != 0 && organisation != 0 && organisation != issuer.organisation;
        if (issuer.active || elsewhere) revert Issuer_AlreadyAuthorized(account);
        if (issuer.index == 0) {
            if (_issuerCount == PackedRecordCodec.MAX_ISSUERS) revert Issuer_TooMany();
            uint16 index = ++_issuerCount;
            (issuer.index, issuer.organisation) = (index, organisation == 0 ? index : organisation);
            _accounts[index] = account;
        }
        issuer.active = true;
        if (_gate.issuer == address(0)) (_gate.issuer, _gate.index) = (account, issuer.index);
        emit IssuerAuthorized(account, issuer.index, issuer.organisation);
    }

    function _stop(address account) private {
        _issuers[account].active = false;
        if (_gate.issuer == account) (_gate.issuer, _gate.index) = (address(0), 0);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "solady/src/tokens/ERC721.sol";
import {LibString} from "solady/src/utils/LibString.sol";
import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";

import {IProvenanceToken} from "./interfaces/IProvenanceToken.sol";
import {PackedRecord, PackedRecordCodec} from "./PackedRecord.sol";

/// @title The core that both presets share. See `IProvenanceToken`.
/// @dev No proxy and no delegatecall: what was anchored cannot be changed by anyone.
abstract contract ProvenanceToken is IProvenanceToken, ERC721, AccessControlDefaultAdminRules, Pausable {
    bytes32 public constant REGISTRAR_ROLE = keccak256("REGISTRAR_ROLE");
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");

    /// @dev `f` (base16), CIDv1, raw, sha2-256, 32 bytes: with the digest in hex, the manifest's CID.
    string private constant _CID_PREFIX = "ipfs://f01551220";

    struct IssuerEntry {
        /// @dev Place in `_issuers`, from 1. Zero: never authorized.
        uint16 index;
        /// @dev May issue now.
        bool active;
        /// @dev What it issued at or after this time (Unix seconds) is not trusted. Zero: all is.
        uint64 distrustedSince;
    }

    mapping(address account => IssuerEntry) private _entries;
    mapping(uint256 index => address) private _issuers;
    uint16 private _issuerCount;
    /// @dev Written for amended tokens only; the genesis digest is the id.
    mapping(uint256 tokenId => bytes32) private _headDigest;

    constructor(address admin, uint48 adminDelay) AccessControlDefaultAdminRules(adminDelay, admin) {}

    /// @inheritdoc IProvenanceToken
    function issue(address holder, bytes32 digest) external whenNotPaused returns (uint256 tokenId) {
        tokenId = uint256(digest);
        if (!_issue(holder, tokenId, _activeIssuer())) revert Token_AlreadyIssued(tokenId);
    }

    /// @inheritdoc IProvenanceToken
    function issueMany(address[] calldata holders, bytes32[] calldata digests) external whenNotPaused {
        if (holders.length != digests.length) revert Batch_LengthMismatch(holders.length, digests.length);
        uint256 index = _activeIssuer();
        for (uint256 i = 0; i < digests.length; ++i) {
            if (!_issue(holders[i], uint256(digests[i]), index)) {
                revert Batch_AlreadyIssued(i, uint256(digests[i]));
            }
        }
    }

    /// @inheritdoc IProvenanceToken
    function amend(uint256 tokenId, bytes32 digest) external whenNotPaused {
        if (digest == 0) revert Digest_Zero();
        PackedRecord packed = _recordIn(tokenId, Status.ACTIVE);
        if (packed.issuerIndex() != _activeIssuer()) revert Issuer_NotAuthorized(msg.sender);
        if (packed.version() == PackedRecordCodec.MAX_VERSION) revert Token_TooManyVersions(tokenId);
        _headDigest[tokenId] = digest;
        uint64 previous = _write(tokenId, packed.amended());
        emit Amended(tokenId, msg.sender, digest, packed.version() + 1, previous);
        emit IERC4906.MetadataUpdate(tokenId);
    }

    /// @inheritdoc IProvenanceToken
    function suspend(uint256 tokenId, bytes32 reason) external whenNotPaused {
        _changeStatus(tokenId, _recordIn(tokenId, Status.ACTIVE), Status.SUSPENDED, reason);
    }

    /// @inheritdoc IProvenanceToken
    function restore(uint256 tokenId, bytes32 reason) external whenNotPaused {
        _changeStatus(tokenId, _recordIn(tokenId, Status.SUSPENDED), Status.ACTIVE, reason);
    }

    /// @inheritdoc IProvenanceToken
    function revoke(uint256 tokenId, bytes32 reason) external whenNotPaused {
        PackedRecord packed = _packed(tokenId);
        if (packed.status() != Status.ACTIVE && packed.status() != Status.SUSPENDED) {
            revert Token_WrongStatus(tokenId, packed.status());
        }
        _changeStatus(tokenId, packed, Status.REVOKED, reason);
        _burn(tokenId);
    }

    /// @inheritdoc IProvenanceToken
    function authorizeIssuer(address account) external onlyRole(DEFAULT_ADMIN_ROLE) {
        IssuerEntry storage entry = _entries[account];
        if (entry.active) revert Issuer_AlreadyAuthorized(account);
        if (entry.index == 0) {
            if (_issuerCount == PackedRecordCodec.MAX_ISSUERS) revert Issuer_TooMany();
            entry.index = ++_issuerCount;
            _issuers[entry.index] = account;
        }
        entry.active = true;
        emit IssuerAuthorized(account, entry.index);
    }

    /// @inheritdoc IProvenanceToken
    function suspendIssuer(address account) external onlyRole(REGISTRAR_ROLE) {
        if (!_entries[account].active) revert Issuer_NotAuthorized(account);
        _entries[account].active = false;
        emit IssuerSuspended(account);
    }

    /// @inheritdoc IProvenanceToken
    function distrustIssuer(address account, uint64 since) external onlyRole(REGISTRAR_ROLE) {
        IssuerEntry storage entry = _entries[account];
        bool later = entry.distrustedSince != 0 && since >= entry.distrustedSince;
        if (entry.index == 0 || since == 0 || later) revert Issuer_NotAuthorized(account);
        entry.active = false;
        entry.distrustedSince = since;
        emit IssuerDistrusted(account, since);
    }

    /// @inheritdoc IProvenanceToken
    function pause() external onlyRole(PAUSER_ROLE) {
        _pause();
    }

    /// @inheritdoc IProvenanceToken
    function unpause() external onlyRole(PAUSER_ROLE) {
        _unpause();
    }

    /// @inheritdoc IProvenanceToken
    function recordOf(uint256 tokenId) public view returns (Record memory record) {
        PackedRecord packed = _packed(tokenId);
        if (packed.status() == Status.UNKNOWN) return record;
        record.status = packed.status();
        record.holder = _ownerOf(tokenId);
        record.issuer = _issuers[packed.issuerIndex()];
        record.version = packed.version();
        record.digest = _digestOf(tokenId, packed);
        record.issuedAt = packed.issuedAt();
        record.headBlock = packed.headBlock();
        uint64 since = _entries[record.issuer].distrustedSince;
        record.issuerTrusted = since == 0 || record.issuedAt < since;
    }

    /// @inheritdoc IProvenanceToken
    function recordsOf(uint256[] calldata tokenIds) external view returns (Record[] memory records) {
        records = new Record[](tokenIds.length);
        for (uint256 i = 0; i < tokenIds.length; ++i) {
            records[i] = recordOf(tokenIds[i]);
        }
    }

    /// @inheritdoc IProvenanceToken
    function isIssuer(address account) external view returns (bool) {
        return _entries[account].active;
    }

    /// @inheritdoc ERC721
    function tokenURI(uint256 tokenId) public view override returns (string memory) {
        if (!_exists(tokenId)) revert TokenDoesNotExist();
        bytes32 digest = _digestOf(tokenId, _packed(tokenId));
        return string.concat(_CID_PREFIX, LibString.toHexStringNoPrefix(uint256(digest), 32));
    }

    function supportsInterface(bytes4 interfaceId)
        public
        view
        virtual
        override(ERC721, AccessControlDefaultAdminRules)
        returns (bool)
    {
        return interfaceId == bytes4(0x49064906) || interfaceId == type(IProvenanceToken).interfaceId
            || ERC721.supportsInterface(interfaceId) || AccessControlDefaultAdminRules.supportsInterface(interfaceId);
    }

    /// @dev Records a change of holder. A locked preset refuses it here.
    function _beforeTokenTransfer(address from, address to, uint256 tokenId) internal virtual override {
        if (from == address(0) || to == address(0)) return;
        PackedRecord packed = _recordIn(tokenId, Status.ACTIVE);
        uint64 previous = _write(tokenId, packed);
        emit HolderChanged(tokenId, from, to, previous);
    }

    function _issue(address holder, uint256 tokenId, uint256 issuerIndex) internal virtual returns (bool) {
        if (tokenId == 0) revert Digest_Zero();
        if (_getExtraData(tokenId) != 0) return false;
        _mintAndSetExtraDataUnchecked(holder, tokenId, PackedRecord.unwrap(PackedRecordCodec.first(issuerIndex)));
        emit Issued(tokenId, msg.sender, holder);
        return true;
    }

    function _statusOf(uint256 tokenId) internal view returns (Status) {
        return _packed(tokenId).status();
    }

    function _changeStatus(uint256 tokenId, PackedRecord packed, Status next, bytes32 reason) private {
        bool own = packed.issuerIndex() == _entries[msg.sender].index && _entries[msg.sender].active;
        if (!own && !hasRole(REGISTRAR_ROLE, msg.sender)) revert Issuer_NotAuthorized(msg.sender);
        uint64 previous = _write(tokenId, packed.becoming(next));
        emit StatusChanged(tokenId, msg.sender, next, reason, previous);
    }

    /// @dev Makes this block the head of the token's history; gives the head before.
    function _write(uint256 tokenId, PackedRecord packed) private returns (uint64 previous) {
        previous = packed.headBlock();
        _setExtraData(tokenId, PackedRecord.unwrap(packed.withHead(block.number)));
    }

    function _packed(uint256 tokenId) private view returns (PackedRecord) {
        return PackedRecord.wrap(_getExtraData(tokenId));
    }

    function _recordIn(uint256 tokenId, Status wanted) private view returns (PackedRecord packed) {
        packed = _packed(tokenId);
        if (packed.status() != wanted) revert Token_WrongStatus(tokenId, packed.status());
    }

    function _digestOf(uint256 tokenId, PackedRecord packed) private view returns (bytes32) {
        return packed.version() > 1 ? _headDigest[tokenId] : bytes32(tokenId);
    }

    function _activeIssuer() private view returns (uint256) {
        IssuerEntry storage entry = _entries[msg.sender];
        if (!entry.active) revert Issuer_NotAuthorized(msg.sender);
        return entry.index;
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "solady/src/tokens/ERC721.sol";
import {LibString} from "solady/src/utils/LibString.sol";
import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";

import {HolderChange, IProvenanceToken, Record, Refusal, Status} from "./interfaces/IProvenanceToken.sol";
import {IERC5192} from "./interfaces/IERC5192.sol";
import {Issuers} from "./Issuers.sol";
import {PackedRecord, PackedRecordCodec} from "./PackedRecord.sol";

/// @title Records of tokens
/// @dev A token's slot is Solady's ownership slot: 160 bits owner, 96 bits `PackedRecord`. An amended token has a
/// second slot with the newest digest; until then the digest is the id.
abstract contract ProvenanceToken is IProvenanceToken, IERC5192, IERC721Errors, ERC721, Issuers {
    /// @dev CIDv1, raw codec, sha2-256 multihash of 32 bytes, in base16.
    string private constant URI_PREFIX = "ipfs://f01551220";

    /// @dev Solady's `_ERC721_MASTER_SLOT_SEED`.
    uint256 private constant SLOT_SEED = 0x7d8825530a5a2e7a << 192;
    /// @dev `Transfer(address,address,uint256)`.
    uint256 private constant TRANSFER_TOPIC = 0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef;
    /// @dev `Issued(uint256,address,address)`.
    uint256 private constant ISSUED_TOPIC = 0x7533f62ec6601bf9c87f8d96bf756b4b495e2a0e26ec9284e4927926ed6b3afd;
    /// @dev `Locked(uint256)`.
    uint256 private constant LOCKED_TOPIC = 0x032bc66be43dbccb7487781d168eb7bda224628a3b2c3388bdf69b532a3a1611;

    mapping(uint256 tokenId => bytes32) private _headDigests;

    function issue(address holder, bytes32 digest) external override returns (uint256 tokenId) {
        // Read where they stand in the calldata.
        (holder, digest);
        return _issueOne(_activeIssuer(msg.sender), block.timestamp, msg.sender, 4, 36);
    }

    function issueMany(address[] calldata holders, bytes32[] calldata digests) external override {
        _issueAll(_activeIssuer(msg.sender), block.timestamp, msg.sender, holders, digests);
    }

    function amend(uint256 tokenId, bytes32 digest) external override {
        uint256 caller = _activeIssuer(msg.sender);
        PackedRecord data = _requireActive(tokenId);
        if (caller != data.issuerIndex() && !_isColleague(msg.sender, data.issuerIndex())) {
            revert Issuer_NotAuthorized(msg.sender);
        }
        if (digest == 0) revert Digest_Zero();
        if (digest == _digestOf(tokenId, data)) revert Token_SameDigest(tokenId);
        uint256 version = uint256(data.version()) + 1;
        if (version > PackedRecordCodec.MAX_VERSION) revert Token_TooManyVersions(tokenId);
        _headDigests[tokenId] = digest;
        _write(tokenId, data.withVersion(version, block.timestamp, caller));
        emit Amended(tokenId, msg.sender, digest, uint32(version), data.headBlock());
        emit IERC4906.MetadataUpdate(tokenId);
    }

    function revoke(uint256 tokenId, bytes32 reason) external override {
        PackedRecord data = _requireLive(tokenId);
        _requireAuthority(data);
        if (data.recovering()) data = _endRecovery(tokenId, data);
        _write(tokenId, data.withStatus(Status.Revoked, false));
        _burn(tokenId);
        emit StatusChanged(tokenId, msg.sender, Status.Revoked, reason, data.headBlock());
    }

    function suspend(uint256 tokenId, bytes32 reason) external override {
        PackedRecord data = _requireActive(tokenId);
        bool byRegistrar = _requireAuthority(data);
        _write(tokenId, data.withStatus(Status.Suspended, byRegistrar));
        emit StatusChanged(tokenId, msg.sender, Status.Suspended, reason, data.headBlock());
        _afterSuspended(tokenId);
    }

    function restore(uint256 tokenId, bytes32 reason) external override {
        PackedRecord data = _dataOf(tokenId);
        if (data.status() != Status.Suspended) revert Token_WrongStatus(tokenId, data.status());
        _requireAuthority(data);
        if (data.held() && !hasRole(REGISTRAR_ROLE, msg.sender)) revert Issuer_NotAuthorized(msg.sender);
        _write(tokenId, data.withStatus(Status.Active, false));
        emit StatusChanged(tokenId, msg.sender, Status.Active, reason, data.headBlock());
        _afterRestored(tokenId);
    }

    function precheck(address[] calldata holders, bytes32[] calldata digests)
        external
        view
        override
        returns (Refusal[] memory refusals)
    {
        if (holders.length != digests.length) revert Batch_LengthMismatch(holders.length, digests.length);
        refusals = new Refusal[](holders.length);
        for (uint256 i; i < holders.length; ++i) {
            refusals[i] = _refusalOf(_offsetOf(holders) + 32 * i, uint256(digests[i]));
            for (uint256 j; j < i && refusals[i] == Refusal.None; ++j) {
                if (digests[j] == digests[i]) refusals[i] = Refusal.AlreadyIssued;
            }
        }
    }

    function recordOf(uint256 tokenId) public view override returns (Record memory record) {
        PackedRecord data = _dataOf(tokenId);
        record.status = data.status();
        if (record.status == Status.Unknown) return record;
        record.holder = _ownerOf(tokenId);
        record.issuer = _accountAt(data.issuerIndex());
        record.issuedAt = data.issuedAt();
        record.issuerTrusted = _isTrusted(record.issuer, record.issuedAt);
        record.version = data.version();
        record.digest = _digestOf(tokenId, data);
        record.headBlock = data.headBlock();
        record.held = data.held();
        record.recovering = data.recovering();
    }

    function recordsOf(uint256[] calldata tokenIds) external view override returns (Record[] memory records) {
        records = new Record[](tokenIds.length);
        for (uint256 i; i < tokenIds.length; ++i) {
            records[i] = recordOf(tokenIds[i]);
        }
    }

    function tokenURI(uint256 tokenId) public view override returns (string memory) {
        _requireHeld(tokenId);
        bytes32 digest = _digestOf(tokenId, _dataOf(tokenId));
        return string.concat(URI_PREFIX, LibString.toHexStringNoPrefix(uint256(digest), 32));
    }

    /// @dev ERC-165, ERC-721, its metadata; ERC-4906, ERC-5192, ERC-5267, ERC-7572.
    function supportsInterface(bytes4 interfaceId)
        public
        view
        virtual
        override(ERC721, AccessControlDefaultAdminRules)
        returns (bool)
    {
        return ERC721.supportsInterface(interfaceId) || AccessControlDefaultAdminRules.supportsInterface(interfaceId)
            || interfaceId == type(IProvenanceToken).interfaceId || interfaceId == 0x49064906
            || interfaceId == type(IERC5192).interfaceId || interfaceId == 0x84b0196e || interfaceId == 0xe8a3d485;
    }

    function ownerOf(uint256 tokenId) public view override returns (address) {
        return _requireHeld(tokenId);
    }

    function balanceOf(address owner) public view override returns (uint256) {
        if (owner == address(0)) revert ERC721InvalidOwner(address(0));
        return super.balanceOf(owner);
    }

    function getApproved(uint256 tokenId) public view override returns (address) {
        _requireHeld(tokenId);
        return _getApproved(tokenId);
    }

    /// @dev Whether tokens are locked from their issue on.
    function _locksForLife() internal pure virtual returns (bool);

    /// @dev Called when a token was suspended.
    function _afterSuspended(uint256 tokenId) internal virtual {}

    /// @dev Called when a token was restored.
    function _afterRestored(uint256 tokenId) internal virtual {}

    /// @dev Forget a proposed recovery and say so; returns the data without its mark, not yet written.
    function _endRecovery(uint256 tokenId, PackedRecord data) internal virtual returns (PackedRecord);

    /// @dev Issue one token; `holderAt` and `digestAt` are where its holder and digest stand in the calldata.
    function _issueOne(uint256 index, uint256 issuedAt, address issuer, uint256 holderAt, uint256 digestAt)
        internal
        returns (uint256 tokenId)
    {
        uint256 issued =
            _mintRecords(PackedRecordCodec.fresh(block.number, issuedAt, index), issuer, holderAt, digestAt, 1);
        assembly {
            tokenId := calldataload(digestAt)
        }
        if (issued == 1) return tokenId;
        Refusal refusal = _refusalOf(holderAt, tokenId);
        if (refusal == Refusal.ZeroHolder) revert ERC721InvalidReceiver(address(0));
        if (refusal == Refusal.ZeroDigest) revert Digest_Zero();
        revert Token_AlreadyIssued(tokenId);
    }

    function _issueAll(
        uint256 index,
        uint256 issuedAt,
        address issuer,
        address[] calldata holders,
        bytes32[] calldata digests
    ) internal {
        if (holders.length != digests.length) revert Batch_LengthMismatch(holders.length, digests.length);
        (uint256 holdersAt, uint256 digestsAt) = (_offsetOf(holders), _offsetOf(digests));
        uint256 issued = _mintRecords(
            PackedRecordCodec.fresh(block.number, issuedAt, index), issuer, holdersAt, digestsAt, digests.length
        );
        if (issued != digests.length) {
            revert Batch_ItemRefused(issued, _refusalOf(holdersAt + 32 * issued, uint256(digests[issued])));
        }
    }

    /// @dev Move a token and record how. The token must be active and `from` its holder.
    function _move(uint256 tokenId, address from, address to, HolderChange cause) internal {
        PackedRecord data = _dataOf(tokenId);
        _transfer(from, to, tokenId);
        _recordMove(tokenId, data, from, to, cause);
    }

    function _recordMove(uint256 tokenId, PackedRecord data, address from, address to, HolderChange cause) internal {
        if (data.recovering()) data = _endRecovery(tokenId, data);
        _write(tokenId, data);
        emit HolderChanged(tokenId, from, to, cause, data.headBlock());
    }

    /// @dev Write a token's data with this block as its head.
    function _write(uint256 tokenId, PackedRecord data) internal {
        _setExtraData(tokenId, PackedRecord.unwrap(data.withHeadBlock(block.number)));
    }

    function _dataOf(uint256 tokenId) internal view returns (PackedRecord) {
        return PackedRecord.wrap(_getExtraData(tokenId));
    }

    function _requireActive(uint256 tokenId) internal view returns (PackedRecord data) {
        data = _dataOf(tokenId);
        if (data.status() != Status.Active) _refuseStatus(tokenId, data);
    }

    function _requireLive(uint256 tokenId) internal view returns (PackedRecord data) {
        data = _dataOf(tokenId);
        if (data.status() != Status.Active && data.status() != Status.Suspended) _refuseStatus(tokenId, data);
    }

    function _requireHeld(uint256 tokenId) internal view returns (address owner) {
        owner = _ownerOf(tokenId);
        if (owner == address(0)) revert ERC721NonexistentToken(tokenId);
    }

    /// @dev The caller must be an active issuer of the organisation, or the registrar. Returns whether it is the latter.
    function _requireAuthority(PackedRecord data) private view returns (bool byRegistrar) {
        if (_isColleague(msg.sender, data.issuerIndex())) return false;
        if (!hasRole(REGISTRAR_ROLE, msg.sender)) revert Issuer_NotAuthorized(msg.sender);
        return true;
    }

    function _digestOf(uint256 tokenId, PackedRecord data) private view returns (bytes32) {
        return data.version() > 1 ? _headDigests[tokenId] : bytes32(tokenId);
    }

    /// @dev `holderAt`: where the holder stands in the calldata. A word that is no address is no holder.
    function _refusalOf(uint256 holderAt, uint256 tokenId) private view returns (Refusal) {
        uint256 holder;
        assembly {
            holder := calldataload(holderAt)
        }
        if (holder == 0 || holder >> 160 != 0) return Refusal.ZeroHolder;
        if (tokenId == 0) return Refusal.ZeroDigest;
        return _getExtraData(tokenId) == 0 ? Refusal.None : Refusal.AlreadyIssued;
    }

    function _offsetOf(address[] calldata list) private pure returns (uint256 offset) {
        assembly {
            offset := list.offset
        }
    }

    function _offsetOf(bytes32[] calldata list) private pure returns (uint256 offset) {
        assembly {
            offset := list.offset
        }
    }

    function _refuseStatus(uint256 tokenId, PackedRecord data) private pure {
        revert Token_WrongStatus(tokenId, data.status());
    }

    /// @dev Solady's `_mintAndSetExtraDataUnchecked` with the checks and the record's events, for `count` holders and
    /// digests that stand in the calldata, each list without a gap. Ends before the first item that is refused and
    /// gives the number issued: the caller says why, or reverts. The slots are those of Solady's ERC721.
    function _mintRecords(PackedRecord data, address issuer, uint256 holdersAt, uint256 digestsAt, uint256 count)
        private
        returns (uint256 issued)
    {
        bool locks = _locksForLife();
        assembly ("memory-safe") {
            data := shl(160, data)
            for {} lt(issued, count) { issued := add(issued, 1) } {
                let offset := shl(5, issued)
                let tokenId := calldataload(add(digestsAt, offset))
                let holder := calldataload(add(holdersAt, offset))
                mstore(0x00, tokenId)
                mstore(0x1c, SLOT_SEED)
                let slot := add(tokenId, add(tokenId, keccak256(0x00, 0x20)))
                // Issued before or revoked; no holder, or no address; no digest.
                if or(or(sload(slot), iszero(tokenId)), or(iszero(holder), shr(160, holder))) { break }
                sstore(slot, or(data, holder))
                mstore(0x00, holder)
                let balanceSlot := keccak256(0x0c, 0x1c)
                sstore(balanceSlot, add(sload(balanceSlot), 1))
                log4(0x00, 0x00, TRANSFER_TOPIC, 0, holder, tokenId)
                log4(0x00, 0x00, ISSUED_TOPIC, tokenId, issuer, holder)
                if locks {
                    mstore(0x00, tokenId)
                    log1(0x00, 0x20, LOCKED_TOPIC)
                }
            }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Status} from "./interfaces/IProvenanceToken.sol";

/// @title The 96 bits beside a token's owner
/// @dev From the least significant bit on:
///
///     bits     field
///     0..35    headBlock     block of the token's last record
///     36..67   issuedAt      unix seconds of the newest version
///     68..77   version       1 when issued; at most 1,023
///     78..91   issuerIndex   issuer key that answers for the newest version
///     92..93   status        0 unknown, 1 active, 2 suspended, 3 revoked
///     94       held          suspended by the registrar
///     95       recovering    a recovery is proposed
///
/// The whole is zero exactly when the id was never issued or tombstoned.
type PackedRecord is uint96;

using PackedRecordCodec for PackedRecord global;

/// @title Reading and writing `PackedRecord`
library PackedRecordCodec {
    uint256 internal constant MAX_VERSION = (1 << 10) - 1;
    uint256 internal constant MAX_ISSUERS = (1 << 14) - 1;

    uint256 private constant HEAD_MASK = (1 << 36) - 1;
    uint256 private constant TIME_MASK = (1 << 32) - 1;
    uint256 private constant TIME_AT = 36;
    uint256 private constant VERSION_AT = 68;
    uint256 private constant ISSUER_AT = 78;
    uint256 private constant STATUS_AT = 92;
    uint256 private constant HELD_BIT = 1 << 94;
    uint256 private constant RECOVERING_BIT = 1 << 95;

    /// @dev Data of a token of version 1 that is active and has one record. Values over a field's width are cut.
    function fresh(uint256 headBlock_, uint256 issuedAt_, uint256 issuerIndex_) internal pure returns (PackedRecord) {
        return PackedRecord.wrap(
            uint96(
                (headBlock_ & HEAD_MASK) | ((issuedAt_ & TIME_MASK) << TIME_AT) | (1 << VERSION_AT)
                    | ((issuerIndex_ & MAX_ISSUERS) << ISSUER_AT) | (uint256(Status.Active) << STATUS_AT)
            )
        );
    }

    function headBlock(PackedRecord data) internal pure returns (uint64) {
        return uint64(_raw(data) & HEAD_MASK);
    }

    function issuedAt(PackedRecord data) internal pure returns (uint64) {
        return uint64((_raw(data) >> TIME_AT) & TIME_MASK);
    }

    function version(PackedRecord data) internal pure returns (uint32) {
        return uint32((_raw(data) >> VERSION_AT) & MAX_VERSION);
    }

    function issuerIndex(PackedRecord data) internal pure returns (uint16) {
        return uint16((_raw(data) >> ISSUER_AT) & MAX_ISSUERS);
    }

    function status(PackedRecord data) internal pure returns (Status) {
        return Status((_raw(data) >> STATUS_AT) & 3);
    }

    function held(PackedRecord data) internal pure returns (bool) {
        return _raw(data) & HELD_BIT != 0;
    }

    function recovering(PackedRecord data) internal pure returns (bool) {
        return _raw(data) & RECOVERING_BIT != 0;
    }

    function withHeadBlock(PackedRecord data, uint256 headBlock_) internal pure returns (PackedRecord) {
        return PackedRecord.wrap(uint96((_raw(data) & ~HEAD_MASK) | (headBlock_ & HEAD_MASK)));
    }

    /// @dev The next version, by another key and at another time.
    function withVersion(PackedRecord data, uint256 version_, uint256 issuedAt_, uint256 issuerIndex_)
        internal
        pure
        returns (PackedRecord)
    {
        uint256 kept = _raw(data)
            & ~((TIME_MASK << TIME_AT) | (MAX_VERSION << VERSION_AT) | (MAX_ISSUERS << ISSUER_AT));
        return PackedRecord.wrap(
            uint96(
                kept | ((issuedAt_ & TIME_MASK) << TIME_AT) | ((version_ & MAX_VERSION) << VERSION_AT)
                    | ((issuerIndex_ & MAX_ISSUERS) << ISSUER_AT)
            )
        );
    }

    function withStatus(PackedRecord data, Status status_, bool held_) internal pure returns (PackedRecord) {
        uint256 kept = _raw(data) & ~((uint256(3) << STATUS_AT) | HELD_BIT);
        return PackedRecord.wrap(uint96(kept | (uint256(status_) << STATUS_AT) | (held_ ? HELD_BIT : 0)));
    }

    function withRecovering(PackedRecord data, bool recovering_) internal pure returns (PackedRecord) {
        return PackedRecord.wrap(uint96((_raw(data) & ~RECOVERING_BIT) | (recovering_ ? RECOVERING_BIT : 0)));
    }

    function _raw(PackedRecord data) private pure returns (uint256) {
        return PackedRecord.unwrap(data);
    }
}

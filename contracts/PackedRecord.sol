// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IProvenanceToken} from "./interfaces/IProvenanceToken.sol";

/// @notice The 96 bits that stand beside the holder in a token's one slot.
type PackedRecord is uint96;

using PackedRecordCodec for PackedRecord global;

/// @title Reads and writes the fields of a `PackedRecord`.
///
///      bits  0..35   headBlock     block of the last record
///      bits 36..67   issuedAt      Unix seconds
///      bits 68..77   version       manifests anchored, from 1
///      bits 78..91   issuerIndex   place of the issuer in the table of issuers, from 1
///      bits 92..93   status        IProvenanceToken.Status
///      bits 94..95   flags         reserved, zero
library PackedRecordCodec {
    uint256 private constant _HEAD_BITS = 36;
    uint256 private constant _ISSUED_AT = 36;
    uint256 private constant _VERSION = 68;
    uint256 private constant _ISSUER = 78;
    uint256 private constant _STATUS = 92;

    uint256 internal constant MAX_VERSION = (1 << 10) - 1;
    uint256 internal constant MAX_ISSUERS = (1 << 14) - 1;

    /// @dev The record of a token issued now by the issuer at this place of the table.
    function first(uint256 issuer) internal view returns (PackedRecord) {
        return PackedRecord.wrap(
            uint96(
                block.number | (block.timestamp << _ISSUED_AT) | (1 << _VERSION) | (issuer << _ISSUER)
                    | (uint256(IProvenanceToken.Status.ACTIVE) << _STATUS)
            )
        );
    }

    function headBlock(PackedRecord self) internal pure returns (uint64) {
        return uint64(PackedRecord.unwrap(self) & ((1 << _HEAD_BITS) - 1));
    }

    function issuedAt(PackedRecord self) internal pure returns (uint64) {
        return uint64((PackedRecord.unwrap(self) >> _ISSUED_AT) & type(uint32).max);
    }

    function version(PackedRecord self) internal pure returns (uint32) {
        return uint32((PackedRecord.unwrap(self) >> _VERSION) & MAX_VERSION);
    }

    function issuerIndex(PackedRecord self) internal pure returns (uint16) {
        return uint16((PackedRecord.unwrap(self) >> _ISSUER) & MAX_ISSUERS);
    }

    function status(PackedRecord self) internal pure returns (IProvenanceToken.Status) {
        return IProvenanceToken.Status((PackedRecord.unwrap(self) >> _STATUS) & 3);
    }

    /// @dev The same record with this block as the head of its history.
    function withHead(PackedRecord self, uint256 blockNumber) internal pure returns (PackedRecord) {
        uint256 rest = PackedRecord.unwrap(self) & ~((uint256(1) << _HEAD_BITS) - 1);
        return PackedRecord.wrap(uint96(rest | blockNumber));
    }

    /// @dev The same record with this status.
    function becoming(PackedRecord self, IProvenanceToken.Status next) internal pure returns (PackedRecord) {
        uint256 rest = PackedRecord.unwrap(self) & ~(uint256(3) << _STATUS);
        return PackedRecord.wrap(uint96(rest | (uint256(next) << _STATUS)));
    }

    /// @dev The same record, one version on. The caller has checked `MAX_VERSION`.
    function amended(PackedRecord self) internal pure returns (PackedRecord) {
        return PackedRecord.wrap(uint96(uint256(PackedRecord.unwrap(self)) + (1 << _VERSION)));
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PackedRecord, PackedRecordCodec} from "../../contracts/PackedRecord.sol";
import {Status} from "../../contracts/interfaces/IProvenanceToken.sol";

/// @dev For all 2^96 records and all values: what is written is read back, nothing else changes, and the fields
/// have neither gap nor overlap.
contract PackedRecordProof {
    uint256 private constant HEAD = (1 << 36) - 1;
    uint256 private constant TIME = (1 << 32) - 1;
    uint256 private constant VERSION = (1 << 10) - 1;
    uint256 private constant ISSUER = (1 << 14) - 1;

    function check_fields__haveNeitherGapNorOverlap(uint96 raw) public pure {
        PackedRecord data = PackedRecord.wrap(raw);
        uint256 sum = uint256(data.headBlock()) + (uint256(data.issuedAt()) << 36) + (uint256(data.version()) << 68)
            + (uint256(data.issuerIndex()) << 78) + (uint256(data.status()) << 92);
        if (data.held()) sum += 1 << 94;
        if (data.recovering()) sum += 1 << 95;
        assert(sum == raw);
    }

    function check_fresh__isWhatWasGiven(uint256 head, uint256 time, uint256 index) public pure {
        PackedRecord data = PackedRecordCodec.fresh(head, time, index);
        assert(data.headBlock() == head & HEAD);
        assert(data.issuedAt() == time & TIME);
        assert(data.version() == 1);
        assert(data.issuerIndex() == index & ISSUER);
        assert(data.status() == Status.Active);
        assert(!data.held() && !data.recovering());
    }

    function check_withHeadBlock__changesTheHeadAlone(uint96 raw, uint256 head) public pure {
        PackedRecord data = PackedRecord.wrap(raw);
        PackedRecord next = data.withHeadBlock(head);
        assert(next.headBlock() == head & HEAD);
        assert(_bits(next) >> 36 == _bits(data) >> 36);
    }

    function check_withVersion__changesVersionTimeAndIssuerAlone(
        uint96 raw,
        uint256 version,
        uint256 time,
        uint256 index
    ) public pure {
        PackedRecord data = PackedRecord.wrap(raw);
        PackedRecord next = data.withVersion(version, time, index);
        assert(next.version() == version & VERSION);
        assert(next.issuedAt() == time & TIME);
        assert(next.issuerIndex() == index & ISSUER);
        assert(next.headBlock() == data.headBlock());
        assert(_bits(next) >> 92 == _bits(data) >> 92);
    }

    function check_withStatus__changesStatusAndHoldAlone(uint96 raw, uint8 status, bool held) public pure {
        if (status > uint8(Status.Revoked)) return;
        PackedRecord data = PackedRecord.wrap(raw);
        PackedRecord next = data.withStatus(Status(status), held);
        assert(uint8(next.status()) == status);
        assert(next.held() == held);
        assert(next.recovering() == data.recovering());
        assert(_bits(next) & ((1 << 92) - 1) == _bits(data) & ((1 << 92) - 1));
    }

    function check_withRecovering__changesOneBit(uint96 raw, bool recovering) public pure {
        PackedRecord data = PackedRecord.wrap(raw);
        PackedRecord next = data.withRecovering(recovering);
        assert(next.recovering() == recovering);
        assert(_bits(next) & ((1 << 95) - 1) == _bits(data) & ((1 << 95) - 1));
    }

    function _bits(PackedRecord data) private pure returns (uint256) {
        return PackedRecord.unwrap(data);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PackedRecord, PackedRecordCodec} from "../../contracts/PackedRecord.sol";
import {Status} from "../../contracts/interfaces/IProvenanceToken.sol";
import {Test} from "./Test.sol";

/// @dev Every field comes back as it was written, and no writing touches another field.
contract PackedRecordTest is Test {
    function testFuzz_fresh(uint40 head, uint32 time, uint16 index) public pure {
        (head, index) = (head % (1 << 36), index % 16384);
        PackedRecord data = PackedRecordCodec.fresh(head, time, index);
        expect(data, head, time, 1, index, Status.Active, false, false);
    }

    function testFuzz_writes__touchOneFieldEach(uint96 raw, uint40 head, uint32 time, uint16 version, uint16 index)
        public
        pure
    {
        PackedRecord data = PackedRecord.wrap(raw);
        (head, version, index) = (head % (1 << 36), version % 1024, index % 16384);
        same(keep(data.withHeadBlock(head), 0, 36), keep(data, 0, 36), "head");
        same(data.withHeadBlock(head).headBlock(), head, "head");
        same(keep(data.withVersion(version, time, index), 36, 56), keep(data, 36, 56), "version");
        PackedRecord next = data.withVersion(version, time, index);
        same(next.version(), version, "version");
        same(next.issuedAt(), time, "time");
        same(next.issuerIndex(), index, "index");
        same(keep(data.withStatus(Status.Suspended, true), 92, 3), keep(data, 92, 3), "status");
        same(uint256(data.withStatus(Status.Revoked, false).status()), uint256(Status.Revoked), "status");
        truth(data.withStatus(Status.Suspended, true).held(), "held");
        same(keep(data.withRecovering(true), 95, 1), keep(data, 95, 1), "recovering");
        truth(data.withRecovering(true).recovering() && !data.withRecovering(false).recovering(), "recovering");
    }

    /// @dev The data without the `width` bits from `from` on.
    function keep(PackedRecord data, uint256 from, uint256 width) private pure returns (uint256) {
        return PackedRecord.unwrap(data) & ~(((1 << width) - 1) << from);
    }

    function expect(
        PackedRecord data,
        uint256 head,
        uint256 time,
        uint256 version,
        uint256 index,
        Status status,
        bool held,
        bool recovering
    ) private pure {
        same(data.headBlock(), head, "headBlock");
        same(data.issuedAt(), time, "issuedAt");
        same(data.version(), version, "version");
        same(data.issuerIndex(), index, "issuerIndex");
        same(uint256(data.status()), uint256(status), "status");
        truth(data.held() == held && data.recovering() == recovering, "flags");
    }
}

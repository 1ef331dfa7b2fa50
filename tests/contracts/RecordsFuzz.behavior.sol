// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IIssuers} from "../../contracts/interfaces/IIssuers.sol";
import {IProvenanceToken, Record, Refusal, Status} from "../../contracts/interfaces/IProvenanceToken.sol";
import {IRecovery} from "../../contracts/interfaces/IRecovery.sol";
import {Platform} from "./Platform.sol";

interface IDomain {
    function eip712Domain()
        external
        view
        returns (bytes1, string memory, string memory, uint256, address, bytes32, uint256[] memory);
}

/// @dev One fuzz test at least for each function about tokens: what it does, and whom it refuses.
abstract contract RecordsFuzz is Platform {
    function testFuzz_issue__byAnyoneElse__reverts(address by, bytes32 digest, uint256 word) public {
        vm.assume(isNobody(by));
        refuses(by, abi.encodeCall(token.issue, (buyer, digest)), notAuthorized(by));
        vm.assume(word == 0 || word >> 160 != 0);
        vm.prank(issuer);
        (bool done,) = address(token).call(abi.encodePacked(token.issue.selector, word, digest));
        truth(!done, "no address is no holder");
    }

    function testFuzz_issueMany__issuesAllOrNone(uint8 size, uint256 seed, address by) public {
        vm.assume(isNobody(by));
        (address[] memory holders, bytes32[] memory digests) = some(1 + size % 20, seed);
        refuses(by, abi.encodeCall(token.issueMany, (holders, digests)), notAuthorized(by));
        vm.warp(uint32(seed));
        vm.roll((seed >> 32) % (1 << 36));
        vm.prank(competitor);
        token.issueMany(holders, digests);
        for (uint256 i; i < holders.length; ++i) {
            Record memory record = token.recordOf(uint256(digests[i]));
            same(record.holder, holders[i], "holder");
            same(record.issuer, competitor, "issuer");
            same(record.digest, digests[i], "digest");
            same(record.issuedAt, uint32(seed), "issuedAt");
            same(record.headBlock, (seed >> 32) % (1 << 36), "headBlock");
        }
        uint256 bad = seed % holders.length;
        (, bytes32[] memory fresh) = some(holders.length, ~seed);
        fresh[bad] = digests[bad];
        bytes memory refusal =
            abi.encodeWithSelector(IProvenanceToken.Batch_ItemRefused.selector, bad, Refusal.AlreadyIssued);
        refuses(issuer, abi.encodeCall(token.issueMany, (holders, fresh)), refusal);
    }

    function testFuzz_precheck__saysWhatIssueManyDoes(uint8 size, uint256 seed, uint8 bad) public {
        (address[] memory holders, bytes32[] memory digests) = some(1 + size % 12, seed);
        uint256 place = bad % holders.length;
        if (bad % 4 == 1) holders[place] = address(0);
        if (bad % 4 == 2) digests[place] = 0;
        if (bad % 4 == 3) digests[place] = digests[(place + 1) % digests.length];
        Refusal[] memory refusals = token.precheck(holders, digests);
        bool fine = true;
        for (uint256 i; i < refusals.length; ++i) {
            fine = fine && refusals[i] == Refusal.None;
        }
        vm.prank(issuer);
        (bool done,) = address(token).call(abi.encodeCall(token.issueMany, (holders, digests)));
        truth(done == fine, "agree");
        bytes memory call = abi.encodeCall(token.precheck, (holders, new bytes32[](holders.length + 1)));
        refuses(
            issuer,
            call,
            abi.encodeWithSelector(
                IProvenanceToken.Batch_LengthMismatch.selector, holders.length, holders.length + 1
            )
        );
    }

    function testFuzz_amend__changesTheVersionAlone(bytes32 digest, address by) public {
        vm.assume(digest != 0 && digest != DIGEST && isNobody(by));
        issueTo(buyer);
        refuses(by, abi.encodeCall(token.amend, (ID, digest)), notAuthorized(by));
        vm.prank(issuer);
        token.amend(ID, digest);
        Record memory record = token.recordOf(ID);
        same(record.digest, digest, "digest");
        same(record.version, 2, "version");
        same(record.holder, buyer, "holder");
        same(uint256(record.status), uint256(Status.Active), "status");
    }

    function testFuzz_suspend__freezes(address by, bytes32 reason) public {
        vm.assume(isNobody(by));
        issueTo(buyer);
        refuses(by, abi.encodeCall(token.suspend, (ID, reason)), notAuthorized(by));
        vm.prank(colleague);
        token.suspend(ID, reason);
        same(uint256(token.recordOf(ID).status), uint256(Status.Suspended), "status");
        refuses(colleague, abi.encodeCall(token.suspend, (ID, reason)), wrongStatus(ID, Status.Suspended));
    }

    function testFuzz_restore__unfreezes(address by, bytes32 reason) public {
        vm.assume(isNobody(by));
        issueTo(buyer);
        refuses(issuer, abi.encodeCall(token.restore, (ID, reason)), wrongStatus(ID, Status.Active));
        vm.prank(issuer);
        token.suspend(ID, reason);
        refuses(by, abi.encodeCall(token.restore, (ID, reason)), notAuthorized(by));
        vm.prank(colleague);
        token.restore(ID, reason);
        same(uint256(token.recordOf(ID).status), uint256(Status.Active), "status");
    }

    function testFuzz_revoke__isForEver(address by, bytes32 reason, bool suspended) public {
        vm.assume(isNobody(by));
        issueTo(buyer);
        if (suspended) {
            vm.prank(registrar);
            token.suspend(ID, reason);
        }
        refuses(by, abi.encodeCall(token.revoke, (ID, reason)), notAuthorized(by));
        vm.prank(issuer);
        token.revoke(ID, reason);
        truth(!token.recordOf(ID).held, "not held");
        refuses(issuer, abi.encodeCall(token.issue, (buyer, DIGEST)), alreadyIssued(ID));
        refuses(registrar, abi.encodeCall(token.restore, (ID, reason)), wrongStatus(ID, Status.Revoked));
    }

    function testFuzz_recordOf__neverReverts(uint256 id) public {
        Record memory record = token.recordOf(id);
        same(keccak256(abi.encode(record)), keccak256(new bytes(320)), "all zero");
        vm.assume(id != 0);
        vm.prank(issuer);
        token.issue(buyer, bytes32(id));
        same(token.recordOf(id).digest, bytes32(id), "digest");
    }

    function testFuzz_recordsOf__isRecordOfEach(uint256[] calldata ids) public {
        issueTo(buyer);
        Record[] memory records = token.recordsOf(ids);
        same(records.length, ids.length, "length");
        for (uint256 i; i < ids.length; ++i) {
            same(keccak256(abi.encode(records[i])), keccak256(abi.encode(token.recordOf(ids[i]))), "record");
        }
    }

    function testFuzz_tokenURI__isTheNewestDigest(bytes32 digest) public {
        vm.assume(digest != 0 && digest != DIGEST);
        refuses(stranger, abi.encodeCall(token.tokenURI, (ID)), nonexistent(ID));
        issueTo(buyer);
        vm.prank(issuer);
        token.amend(ID, digest);
        bytes memory uri = bytes(token.tokenURI(ID));
        same(uri.length, 80, "length");
        uint256 read;
        for (uint256 i = 16; i < 80; ++i) {
            uint8 c = uint8(uri[i]);
            read = (read << 4) | (c < 58 ? c - 48 : c - 87);
        }
        same(bytes32(read), digest, "digest");
    }

    function testFuzz_ownerOf__isTheHolder(address holder, uint256 id) public {
        vm.assume(holder != address(0) && id != 0);
        refuses(stranger, abi.encodeCall(token.ownerOf, (id)), nonexistent(id));
        vm.prank(issuer);
        token.issue(holder, bytes32(id));
        same(token.ownerOf(id), holder, "owner");
    }

    function testFuzz_balanceOf__countsLiveTokens(address holder, uint8 many, uint8 gone) public {
        vm.assume(holder != address(0));
        uint256 size = many % 10;
        for (uint256 i = 1; i <= size; ++i) {
            vm.prank(issuer);
            token.issue(holder, bytes32(i));
        }
        uint256 revoked = size == 0 ? 0 : gone % (size + 1);
        for (uint256 i = 1; i <= revoked; ++i) {
            vm.prank(registrar);
            token.revoke(i, 0);
        }
        same(token.balanceOf(holder), size - revoked, "balance");
        bytes memory refusal = abi.encodeWithSelector(IERC721Errors.ERC721InvalidOwner.selector, address(0));
        refuses(holder, abi.encodeCall(token.balanceOf, (address(0))), refusal);
    }

    function testFuzz_locked__wantsALiveToken(uint256 id) public {
        vm.assume(id != 0);
        refuses(stranger, abi.encodeCall(token.locked, (id)), nonexistent(id));
        vm.prank(issuer);
        token.issue(buyer, bytes32(id));
        vm.prank(issuer);
        token.suspend(id, 0);
        truth(token.locked(id), "locked while suspended");
    }

    function testFuzz_getApproved__isNobodyAtFirst(uint256 id) public {
        vm.assume(id != 0);
        refuses(stranger, abi.encodeCall(token.getApproved, (id)), nonexistent(id));
        vm.prank(issuer);
        token.issue(buyer, bytes32(id));
        same(token.getApproved(id), address(0), "approved");
    }

    function testFuzz_isApprovedForAll__isFalseAtFirst(address holder, address operator) public view {
        truth(!token.isApprovedForAll(holder, operator), "operator");
    }

    function testFuzz_proposeRecovery__isTheRegistrarsAlone(address by, address to) public {
        vm.assume(by != registrar && to != address(0) && to != buyer);
        refuses(registrar, abi.encodeCall(token.proposeRecovery, (ID, to)), wrongStatus(ID, Status.Unknown));
        issueTo(buyer);
        refuses(by, abi.encodeCall(token.proposeRecovery, (ID, to)), lacks(by, token.REGISTRAR_ROLE()));
        bytes memory refusal = abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, buyer);
        refuses(registrar, abi.encodeCall(token.proposeRecovery, (ID, buyer)), refusal);
        refusal = abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(0));
        refuses(registrar, abi.encodeCall(token.proposeRecovery, (ID, address(0))), refusal);
        vm.prank(registrar);
        token.proposeRecovery(ID, to);
        same(token.ownerOf(ID), buyer, "not yet");
    }

    function testFuzz_recoveryOf__isTheOpenProposal(uint256 id, address to, uint32 time) public {
        vm.assume(id != 0 && to != address(0) && to != buyer);
        vm.warp(time);
        (address found, uint48 at) = token.recoveryOf(id);
        truth(found == address(0) && at == 0, "none");
        vm.prank(issuer);
        token.issue(buyer, bytes32(id));
        vm.prank(registrar);
        token.proposeRecovery(id, to);
        (found, at) = token.recoveryOf(id);
        same(found, to, "to");
        same(at, uint256(time) + RECOVERY_DELAY, "at");
    }

    function testFuzz_stopRecovery__byHolderOrRegistrar(address by, bool vetoed) public {
        vm.assume(by != buyer && by != registrar);
        issueTo(buyer);
        bytes memory none = abi.encodeWithSelector(IRecovery.Recovery_None.selector, ID);
        refuses(buyer, abi.encodeCall(token.stopRecovery, (ID)), none);
        vm.prank(registrar);
        token.proposeRecovery(ID, exporter);
        refuses(by, abi.encodeCall(token.stopRecovery, (ID)), notAuthorized(by));
        vm.prank(vetoed ? buyer : registrar);
        token.stopRecovery(ID);
        same(token.ownerOf(ID), buyer, "owner");
        truth(!token.recordOf(ID).recovering, "over");
    }

    function testFuzz_executeRecovery__movesAfterTheDelay(address by, address to, uint32 wait) public {
        vm.assume(to != address(0) && to != buyer && by != address(0));
        issueTo(buyer);
        vm.prank(registrar);
        token.proposeRecovery(ID, to);
        uint256 at = vm.getBlockTimestamp() + RECOVERY_DELAY;
        vm.warp(block.timestamp + wait);
        bool early = block.timestamp < at;
        if (early) {
            bytes memory refusal = abi.encodeWithSelector(IRecovery.Recovery_TooEarly.selector, ID, at);
            refuses(by, abi.encodeCall(token.executeRecovery, (ID)), refusal);
        } else {
            vm.prank(by);
            token.executeRecovery(ID);
        }
        same(token.ownerOf(ID), early ? buyer : to, "owner");
    }

    function testFuzz_recoveryDelay__isFixed(address by, uint32 wait) public {
        vm.warp(block.timestamp + wait);
        vm.prank(by);
        same(token.recoveryDelay(), RECOVERY_DELAY, "delay");
    }

    function testFuzz_name__isTheSameForAnyone(address by, uint32 time) public {
        vm.warp(time);
        vm.prank(by);
        same(keccak256(bytes(token.name())), keccak256(bytes(title())), "name");
    }

    function testFuzz_symbol__isTheSameForAnyone(address by) public {
        vm.prank(by);
        same(keccak256(bytes(token.symbol())), keccak256(bytes(sign())), "symbol");
    }

    function testFuzz_contractURI__isTheSameForAnyone(address by) public {
        bytes32 before = keccak256(bytes(token.contractURI()));
        issueTo(buyer);
        vm.prank(by);
        same(keccak256(bytes(token.contractURI())), before, "uri");
    }

    function testFuzz_supportsInterface__namesNothingElse(bytes4 id) public view {
        bytes4[13] memory known = [
            bytes4(0x01ffc9a7),
            0x80ac58cd,
            0x5b5e139f,
            0x49064906,
            0xb45a3c0e,
            0x84b0196e,
            0xe8a3d485,
            0x2a55205a,
            0x5604e225,
            0x7965db0b,
            0x31498786,
            type(IProvenanceToken).interfaceId,
            0
        ];
        bool listed;
        for (uint256 i; i < 12; ++i) {
            listed = listed || id == known[i];
        }
        if (!listed) truth(!token.supportsInterface(id), "unknown");
    }

    function testFuzz_eip712Domain__namesChainAndContract(uint32 chain) public {
        vm.assume(chain != 0);
        vm.chainId(chain);
        (bytes1 fields, string memory title_, string memory version, uint256 id, address at, bytes32 salt,) =
            IDomain(address(token)).eip712Domain();
        same(bytes32(fields), bytes32(bytes1(0x0f)), "fields");
        same(keccak256(bytes(title_)), keccak256(bytes(title())), "name");
        same(keccak256(bytes(version)), keccak256("1"), "version");
        same(id, chain, "chain");
        same(at, address(token), "contract");
        same(salt, 0, "salt");
    }

    function title() internal pure virtual returns (string memory);

    function sign() internal pure virtual returns (string memory);

    function some(uint256 size, uint256 seed)
        internal
        pure
        returns (address[] memory holders, bytes32[] memory digests)
    {
        (holders, digests) = (new address[](size), new bytes32[](size));
        for (uint256 i; i < size; ++i) {
            digests[i] = keccak256(abi.encode(seed, i));
            holders[i] = address(uint160(uint256(digests[i])));
        }
    }
}

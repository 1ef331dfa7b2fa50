// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IIssuers} from "../../contracts/interfaces/IIssuers.sol";
import {IProvenanceToken, Record, Refusal, Status} from "../../contracts/interfaces/IProvenanceToken.sol";
import {Platform} from "./Platform.sol";
import {Vm} from "./Test.sol";

/// @dev `ProvenanceToken.tree`, the records' half.
abstract contract RecordsBehavior is Platform {
    function test_issue__whenTheCallerIsNoIssuer__reverts() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, stranger));
        token.issue(buyer, DIGEST);
    }

    function test_issue__whenStopped__reverts() public {
        vm.prank(pauser);
        token.pause();
        truth(token.paused(), "paused");
        vm.prank(issuer);
        vm.expectRevert(abi.encodeWithSelector(IIssuers.Roles_Paused.selector));
        token.issue(buyer, DIGEST);
        vm.prank(pauser);
        token.unpause();
        issueTo(buyer);
        same(token.ownerOf(ID), buyer, "owner");
    }

    function test_issue__whenTheDigestIsZero__reverts() public {
        vm.prank(issuer);
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Digest_Zero.selector));
        token.issue(buyer, 0);
    }

    function test_issue__whenTheHolderIsZero__reverts() public {
        vm.prank(issuer);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(0)));
        token.issue(address(0), DIGEST);
    }

    function test_issue__whenIssuedBefore__reverts() public {
        issueTo(buyer);
        vm.prank(issuer);
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Token_AlreadyIssued.selector, ID));
        token.issue(exporter, DIGEST);
        same(token.balanceOf(exporter), 0, "balance");
    }

    function test_issue__whenRevoked__reverts() public {
        issueTo(buyer);
        vm.prank(issuer);
        token.revoke(ID, REASON);
        vm.prank(issuer);
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Token_AlreadyIssued.selector, ID));
        token.issue(buyer, DIGEST);
    }

    function test_issue__whenAddressHasDirtyBits__reverts() public {
        bytes memory data = abi.encodePacked(token.issue.selector, uint256(uint160(buyer)) | (1 << 160), DIGEST);
        vm.prank(issuer);
        (bool done,) = address(token).call(data);
        truth(!done, "refused");
        same(uint256(token.recordOf(ID).status), 0, "status");
    }

    function testFuzz_issue__records(address holder, bytes32 digest, uint32 time, uint40 number) public {
        number = number % (1 << 36);
        vm.assume(holder != address(0) && digest != 0);
        vm.warp(time);
        vm.roll(number);
        vm.prank(colleague);
        same(token.issue(holder, digest), uint256(digest), "id");
        Record memory record = token.recordOf(uint256(digest));
        same(uint256(record.status), uint256(Status.Active), "status");
        same(record.holder, holder, "holder");
        same(record.issuer, colleague, "issuer");
        truth(record.issuerTrusted && !record.held && !record.recovering, "flags");
        same(record.version, 1, "version");
        same(record.digest, digest, "digest");
        same(record.issuedAt, time, "issuedAt");
        same(record.headBlock, number, "headBlock");
        same(token.ownerOf(uint256(digest)), holder, "owner");
        same(token.balanceOf(holder), 1, "balance");
    }

    function test_tokenURI__isTheManifestsCid() public {
        bytes32 digest = bytes32(uint256(0xa1b2));
        vm.prank(issuer);
        token.issue(buyer, digest);
        same(
            keccak256(bytes(token.tokenURI(0xa1b2))),
            keccak256("ipfs://f01551220000000000000000000000000000000000000000000000000000000000000a1b2"),
            "uri"
        );
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, ID));
        token.tokenURI(ID);
    }

    function test_issueMany__whenTheListsDiffer__reverts() public {
        vm.prank(issuer);
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Batch_LengthMismatch.selector, 1, 2));
        token.issueMany(one(buyer), new bytes32[](2));
    }

    function testFuzz_issueMany__whenOneIsBad__namesIt(uint8 place, uint8 fault) public {
        (address[] memory holders, bytes32[] memory digests) = batch(12);
        uint256 index = place % 12;
        Refusal reason = Refusal(1 + fault % 3);
        if (reason == Refusal.ZeroHolder) holders[index] = address(0);
        if (reason == Refusal.ZeroDigest) digests[index] = 0;
        if (reason == Refusal.AlreadyIssued) {
            vm.prank(issuer);
            token.issue(exporter, digests[index]);
        }
        Refusal[] memory refusals = token.precheck(holders, digests);
        for (uint256 i; i < 12; ++i) {
            same(uint256(refusals[i]), i == index ? uint256(reason) : 0, "precheck");
        }
        vm.prank(issuer);
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Batch_ItemRefused.selector, index, reason));
        token.issueMany(holders, digests);
        same(token.balanceOf(buyer), 0, "nothing issued");
    }

    function testFuzz_issueMany__whenAWordIsNoAddress__namesIt(uint8 place, uint256 word) public {
        vm.assume(word >> 160 != 0);
        (address[] memory holders, bytes32[] memory digests) = batch(5);
        uint256 index = place % 5;
        assembly {
            mstore(add(holders, mul(0x20, add(index, 1))), word)
        }
        bytes memory lists = rawLists(holders, digests);
        refuses(
            issuer,
            abi.encodePacked(token.issueMany.selector, lists),
            abi.encodeWithSelector(
                IProvenanceToken.Batch_ItemRefused.selector, index, Refusal.ZeroHolder
            )
        );
        (, bytes memory answer) = address(token).call(abi.encodePacked(token.precheck.selector, lists));
        same(uint256(abi.decode(answer, (Refusal[]))[index]), uint256(Refusal.ZeroHolder), "precheck");
    }

    /// @dev The lists as `abi.encode` gives them, but with words that are no addresses left as they are.
    function rawLists(address[] memory holders, bytes32[] memory digests) private pure returns (bytes memory) {
        bytes32[] memory words;
        assembly {
            words := holders
        }
        return abi.encode(words, digests);
    }

    function test_issueMany__whenAnItemRepeats__namesTheSecond() public {
        (address[] memory holders, bytes32[] memory digests) = batch(3);
        digests[2] = digests[0];
        same(uint256(token.precheck(holders, digests)[2]), uint256(Refusal.AlreadyIssued), "precheck");
        vm.prank(issuer);
        vm.expectRevert(
            abi.encodeWithSelector(IProvenanceToken.Batch_ItemRefused.selector, 2, Refusal.AlreadyIssued)
        );
        token.issueMany(holders, digests);
    }

    function test_issueMany__whenOneHolderRefusesTokens__issuesAll() public {
        (address[] memory holders, bytes32[] memory digests) = batch(100);
        holders[7] = address(0xfe);
        vm.etch(holders[7], hex"5f5ffd");
        vm.prank(issuer);
        token.issueMany(holders, digests);
        same(token.balanceOf(buyer), 99, "balance");
        same(token.ownerOf(uint256(digests[7])), holders[7], "owner");
        uint256[] memory ids = new uint256[](2);
        (ids[0], ids[1]) = (uint256(digests[0]), uint256(digests[99]));
        same(token.recordsOf(ids)[1].holder, buyer, "records");
    }

    function test_amend__whenOfAnotherOrganisation__reverts() public {
        issueTo(buyer);
        vm.prank(competitor);
        vm.expectRevert(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, competitor));
        token.amend(ID, NEXT);
    }

    function test_amend__whenTheDigestIsThePresentOne__reverts() public {
        issueTo(buyer);
        vm.prank(issuer);
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Token_SameDigest.selector, ID));
        token.amend(ID, DIGEST);
        vm.prank(issuer);
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Digest_Zero.selector));
        token.amend(ID, 0);
    }

    function test_amend__whenSuspendedOrUnknown__reverts() public {
        vm.prank(issuer);
        vm.expectRevert(
            abi.encodeWithSelector(IProvenanceToken.Token_WrongStatus.selector, ID, Status.Unknown)
        );
        token.amend(ID, NEXT);
        issueTo(buyer);
        vm.prank(issuer);
        token.suspend(ID, REASON);
        vm.prank(issuer);
        vm.expectRevert(
            abi.encodeWithSelector(IProvenanceToken.Token_WrongStatus.selector, ID, Status.Suspended)
        );
        token.amend(ID, NEXT);
    }

    function test_amend__whenTooOften__reverts() public {
        issueTo(buyer);
        for (uint256 i = 2; i <= 1023; ++i) {
            vm.prank(issuer);
            token.amend(ID, bytes32(i));
        }
        same(token.recordOf(ID).version, 1023, "version");
        vm.prank(issuer);
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Token_TooManyVersions.selector, ID));
        token.amend(ID, bytes32(uint256(1024)));
    }

    function test_amend__byAColleague__recordsTheNextVersion() public {
        issueTo(buyer);
        vm.prank(colleague);
        token.amend(ID, NEXT);
        Record memory record = token.recordOf(ID);
        same(record.issuer, colleague, "issuer");
        same(record.issuedAt, block.timestamp, "issuedAt");
        same(record.version, 2, "version");
        same(record.digest, NEXT, "digest");
        same(record.holder, buyer, "holder");
    }

    function test_suspend__byNobody__reverts() public {
        issueTo(buyer);
        vm.prank(competitor);
        vm.expectRevert(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, competitor));
        token.suspend(ID, REASON);
        vm.prank(admin);
        vm.expectRevert(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, admin));
        token.revoke(ID, REASON);
    }

    function test_restore__whenTheRegistrarSuspended__isTheRegistrarsAlone() public {
        issueTo(buyer);
        vm.prank(registrar);
        token.suspend(ID, REASON);
        truth(token.recordOf(ID).held && token.locked(ID), "held");
        vm.prank(issuer);
        vm.expectRevert(abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, issuer));
        token.restore(ID, REASON);
        vm.prank(registrar);
        token.restore(ID, REASON);
        same(uint256(token.recordOf(ID).status), uint256(Status.Active), "status");
        vm.prank(registrar);
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Token_WrongStatus.selector, ID, Status.Active));
        token.restore(ID, REASON);
    }

    function test_restore__byARegistrarWhoIsAColleagueToo__liftsTheHold() public {
        issueTo(buyer);
        vm.prank(registrar);
        token.suspend(ID, REASON);
        bytes32 role = token.REGISTRAR_ROLE();
        vm.prank(admin);
        token.grantRole(role, colleague);
        vm.prank(colleague);
        token.restore(ID, REASON);
        same(uint256(token.recordOf(ID).status), uint256(Status.Active), "status");
    }

    function test_suspend__whenStopped__works() public {
        issueTo(buyer);
        vm.prank(pauser);
        token.pause();
        vm.prank(colleague);
        token.suspend(ID, REASON);
        same(uint256(token.recordOf(ID).status), uint256(Status.Suspended), "status");
    }

    function test_revoke__leavesATombstone() public {
        issueTo(buyer);
        vm.prank(issuer);
        token.amend(ID, NEXT);
        later();
        vm.prank(registrar);
        token.revoke(ID, REASON);
        Record memory record = token.recordOf(ID);
        same(uint256(record.status), uint256(Status.Revoked), "status");
        same(record.holder, address(0), "holder");
        same(record.digest, NEXT, "digest");
        same(record.headBlock, block.number, "headBlock");
        same(token.balanceOf(buyer), 0, "balance");
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, ID));
        token.ownerOf(ID);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, ID));
        token.locked(ID);
        vm.prank(registrar);
        vm.expectRevert(abi.encodeWithSelector(IProvenanceToken.Token_WrongStatus.selector, ID, Status.Revoked));
        token.revoke(ID, REASON);
    }

    function test_records__twoInOneBlock__nameTheSameBlockBefore() public {
        issueTo(buyer);
        uint256 before = token.recordOf(ID).headBlock;
        vm.recordLogs();
        vm.prank(issuer);
        token.suspend(ID, REASON);
        vm.prank(issuer);
        token.restore(ID, REASON);
        bytes32 topic = IProvenanceToken.StatusChanged.selector;
        uint256 seen;
        uint256[2] memory previous;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != topic) continue;
            (,, previous[seen++]) = abi.decode(logs[i].data, (uint8, bytes32, uint64));
        }
        same(previous[0], before, "first");
        same(previous[1], block.number, "second");
        same(token.recordOf(ID).headBlock, block.number, "head");
    }

    function test_supportsInterface__namesEachStandard() public view {
        bytes4[7] memory known =
            [bytes4(0x01ffc9a7), 0x80ac58cd, 0x5b5e139f, 0x49064906, 0xb45a3c0e, 0x84b0196e, 0xe8a3d485];
        for (uint256 i; i < known.length; ++i) {
            truth(token.supportsInterface(known[i]), "known");
        }
        truth(!token.supportsInterface(0xffffffff) && !token.supportsInterface(0x780e9d63), "unknown");
    }

    function test_contractURI__isJson() public view {
        bytes memory uri = bytes(token.contractURI());
        truth(uri.length > 60 && uri[uri.length - 1] == "}", "json");
    }

    function batch(uint256 size) internal view returns (address[] memory holders, bytes32[] memory digests) {
        (holders, digests) = (new address[](size), new bytes32[](size));
        for (uint256 i; i < size; ++i) {
            (holders[i], digests[i]) = (buyer, keccak256(abi.encode("batch", i)));
        }
    }
}

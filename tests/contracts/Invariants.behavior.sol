// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Record, Status} from "../../contracts/interfaces/IProvenanceToken.sol";
import {Handler, IDS, idAt, ISSUERS, PARTIES, ROOTS} from "./Handler.sol";
import {Platform} from "./Platform.sol";

/// @dev What holds after any sequence of calls, on both presets.
abstract contract InvariantsSuite is Platform {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Handler internal handler;

    function setUp() public override {
        super.setUp();
        handler = handle(Handler.Keys(admin, registrar, pauser, [issuer, colleague, competitor]));
    }

    function handle(Handler.Keys memory keys) internal virtual returns (Handler);

    function targetContracts() external view returns (address[] memory) {
        return one(address(handler));
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), handler.actions());
    }

    /// @dev All of these in one long campaign of 1,000 runs of 100 actions, looked at after every tenth: the books keep
    /// what was broken in between. In its own shorter campaign each is looked at after every action. The number of runs
    /// stands at the overrides: it is read from the test's own file alone.
    function invariant_allOfThese() public view virtual {
        if (handler.tries() % 10 != 0) return;
        invariant_idsAreNeverReused();
        invariant_theHeadBlockIsTheLastRecords();
        invariant_theLinkedHistoryIsTheLogScan();
        invariant_balancesAreLiveTokens();
        invariant_noMoveWithoutConsentOrWhileLocked();
        invariant_aTombstoneNeverLeaves();
        invariant_anchorsAreNeverOverwritten();
        invariant_aLeafIsClaimedOnceAndNeverAfterItsRevocation();
        invariant_rolesDoNotOverlapUnlessGranted();
        invariant_noRecoveryBeforeItsDelay();
        invariant_aRecoveryIsMarkedExactlyWhileItIsOpen();
        invariant_heldOnlyWhileSuspended();
        invariant_digestOfVersionOneIsTheId();
        invariant_versionsGrowByOneWithEachAmendment();
        invariant_nothingIsIssuedDuringAPause();
        invariant_aStoppedIssuerIssuesNothing();
        invariant_marksMoveToEarlierTimesOnly();
        invariant_trustFollowsTheMarks();
        invariant_theAdminChangesInTwoStepsAndAfterTheDelay();
    }

    function invariant_idsAreNeverReused() public view {
        for (uint256 i; i < IDS; ++i) {
            truth(handler.issues(idAt(i)) <= 1, "issued once");
        }
    }

    function invariant_theHeadBlockIsTheLastRecords() public view {
        for (uint256 i; i < IDS; ++i) {
            uint256 id = idAt(i);
            uint256[] memory records = handler.records(id);
            uint256 last = records.length == 0 ? 0 : records[records.length - 1] >> 128;
            same(token.recordOf(id).headBlock, last, "head");
        }
    }

    /// @dev A verifier's walk: all records of the head's block, then on with the smallest block that they name.
    function invariant_theLinkedHistoryIsTheLogScan() public view {
        for (uint256 i; i < IDS; ++i) {
            uint256 id = idAt(i);
            uint256[] memory records = handler.records(id);
            (uint256 cursor, uint256 n) = (token.recordOf(id).headBlock, records.length);
            while (cursor != 0) {
                uint256 next = cursor;
                for (; n != 0 && records[n - 1] >> 128 == cursor; --n) {
                    if (uint128(records[n - 1]) < next) next = uint128(records[n - 1]);
                }
                truth(next < cursor, "the block that a record names holds one");
                cursor = next;
            }
            same(n, 0, "records not found by walking");
        }
    }

    function invariant_balancesAreLiveTokens() public view {
        (uint256 live, uint256 balances) = (0, 0);
        for (uint256 i; i < IDS; ++i) {
            Record memory record = token.recordOf(idAt(i));
            if (record.holder != address(0)) ++live;
            bool stands = record.status == Status.Active || record.status == Status.Suspended;
            truth(stands == (record.holder != address(0)), "a holder exactly while it stands");
        }
        for (uint256 i; i < PARTIES; ++i) {
            balances += token.balanceOf(handler.party(i));
        }
        same(balances, live, "balances");
    }

    function invariant_noMoveWithoutConsentOrWhileLocked() public view {
        holds("consent");
        for (uint256 i; i < IDS; ++i) {
            uint256 id = idAt(i);
            same(token.recordOf(id).holder, handler.holders(id), "only known moves");
        }
    }

    function invariant_aTombstoneNeverLeaves() public view {
        for (uint256 i; i < IDS; ++i) {
            uint256 id = idAt(i);
            bool tombstone = token.recordOf(id).status == Status.Revoked;
            truth(tombstone == handler.revoked(id), "revoked for ever");
        }
    }

    function invariant_anchorsAreNeverOverwritten() public view {
        holds("anchor");
        for (uint256 i; i < ISSUERS * ROOTS; ++i) {
            (address by, bytes32 root) = (handler.issuerAt(i / ROOTS), handler.rootAt(i));
            same(token.anchoredAt(by, root), handler.anchors(by, root), "anchored at");
        }
    }

    function invariant_aLeafIsClaimedOnceAndNeverAfterItsRevocation() public view {
        holds("claim");
        for (uint256 i; i < IDS; ++i) {
            uint256 id = idAt(i);
            truth(handler.claims(id) <= handler.issues(id), "claimed once");
            truth(!handler.leafRevoked(id) || handler.issues(id) == 0, "revoked leaf");
        }
    }

    function invariant_rolesDoNotOverlapUnlessGranted() public view {
        holds("role");
        (bytes32 first, bytes32 second) = (token.REGISTRAR_ROLE(), token.PAUSER_ROLE());
        address[] memory accounts = handler.accounts();
        for (uint256 i; i < accounts.length; ++i) {
            address account = accounts[i];
            truth(token.hasRole(first, account) == handler.granted(first, account), "registrar");
            truth(token.hasRole(second, account) == handler.granted(second, account), "pauser");
            truth(token.hasRole(0, account) == handler.granted(0, account), "admin");
            truth(token.isIssuer(account) == handler.active(account), "issuer");
        }
    }

    function invariant_noRecoveryBeforeItsDelay() public view {
        holds("recovery");
    }

    function invariant_aRecoveryIsMarkedExactlyWhileItIsOpen() public view {
        for (uint256 i; i < IDS; ++i) {
            (address to,) = token.recoveryOf(idAt(i));
            truth(token.recordOf(idAt(i)).recovering == (to != address(0)), "mark");
        }
    }

    function invariant_heldOnlyWhileSuspended() public view {
        for (uint256 i; i < IDS; ++i) {
            Record memory record = token.recordOf(idAt(i));
            truth(!record.held || record.status == Status.Suspended, "held");
        }
    }

    function invariant_digestOfVersionOneIsTheId() public view {
        for (uint256 i; i < IDS; ++i) {
            uint256 id = idAt(i);
            Record memory record = token.recordOf(id);
            if (record.version == 1) same(record.digest, bytes32(id), "digest");
        }
    }

    function invariant_versionsGrowByOneWithEachAmendment() public view {
        for (uint256 i; i < IDS; ++i) {
            uint256 id = idAt(i);
            // A leaf that was revoked before its claim has a record of version 1 without an issue.
            uint256 expected = handler.leafRevoked(id) ? 1 : handler.versions(id);
            same(token.recordOf(id).version, expected, "version");
        }
    }

    function invariant_nothingIsIssuedDuringAPause() public view {
        holds("pause");
        truth(token.paused() == handler.paused(), "paused");
    }

    function invariant_aStoppedIssuerIssuesNothing() public view {
        holds("issuer");
    }

    function invariant_marksMoveToEarlierTimesOnly() public view {
        holds("mark");
        for (uint256 i; i < ISSUERS; ++i) {
            address by = handler.issuerAt(i);
            same(token.issuerOf(by).distrustedSince, handler.marks(by), "mark");
        }
    }

    function invariant_trustFollowsTheMarks() public view {
        for (uint256 i; i < IDS; ++i) {
            Record memory record = token.recordOf(idAt(i));
            if (record.status == Status.Unknown) continue;
            uint256 mark = handler.marks(record.issuer);
            truth(record.issuerTrusted == (mark == 0 || record.issuedAt < mark), "trusted");
        }
    }

    function invariant_theAdminChangesInTwoStepsAndAfterTheDelay() public view {
        holds("admin");
        same(token.defaultAdmin(), handler.admin(), "admin");
    }

    /// @dev From any sequence of calls, the linked history is the log scan. The first four tokens are issued already.
    function testFuzz_linkedHistory__ofAnySequence__isTheLogScan(uint256[40] calldata seeds) public {
        bytes4[] memory actions = handler.actions();
        for (uint256 i; i < 4; ++i) {
            handler.issue(i, i, 0);
        }
        for (uint256 i; i < seeds.length; ++i) {
            act(actions[seeds[i] % actions.length], seeds[i]);
        }
        invariant_theLinkedHistoryIsTheLogScan();
        invariant_theHeadBlockIsTheLastRecords();
    }

    /// @dev A handler that never succeeds proves nothing: each action does, somewhere in twenty runs.
    function test_handler__inTwentyRuns__succeedsInEveryAction() public {
        bytes4[] memory actions = handler.actions();
        uint256[] memory successes = new uint256[](actions.length);
        for (uint256 run; run < 20; ++run) {
            if (run != 0) setUp();
            for (uint256 i; i < 200; ++i) {
                uint256 seed = uint256(keccak256(abi.encode(run, i)));
                act(actions[seed % actions.length], seed);
            }
            for (uint256 i; i < actions.length; ++i) {
                successes[i] += handler.done(actions[i]);
            }
        }
        for (uint256 i; i < actions.length; ++i) {
            if (successes[i] == 0) revert Differs("never succeeded", actions[i], 0);
        }
    }

    function act(bytes4 action, uint256 seed) internal {
        (bytes32 a, bytes32 b) = (keccak256(abi.encode(seed, 1)), keccak256(abi.encode(seed, 2)));
        (bytes32 c, bytes32 d) = (keccak256(abi.encode(seed, 3)), keccak256(abi.encode(seed, 4)));
        (bool done,) = address(handler).call(abi.encodePacked(action, a, b, c, d));
        truth(done, "an action reverted");
    }

    function holds(bytes32 rule) internal view {
        string memory broken = handler.broken(rule);
        truth(bytes(broken).length == 0, broken);
    }
}

// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ProductContent} from "../../contracts/ProductContent.sol";
import {Record, Status} from "../../contracts/interfaces/IProvenanceToken.sol";
import {Platform, Preset} from "./Platform.sol";
import {Test, Vm} from "./Test.sol";

/// @dev Does whatever the roles may do, in any order, and keeps its own books of it.
contract Handler is Test {
    uint256 private constant IDS = 6;
    uint256 private constant HOLDERS = 3;

    Preset private immutable _token;
    address private immutable _issuer;
    address private immutable _registrar;

    mapping(uint256 id => uint256[]) private _blocks;
    mapping(uint256 id => uint256[]) private _previous;
    mapping(uint256 id => bool) public revoked;
    mapping(uint256 id => uint256) public proposedAt;
    bool public tombstoneLeft;
    bool public executedEarly;

    constructor(Preset token, address issuer, address registrar) {
        (_token, _issuer, _registrar) = (token, issuer, registrar);
    }

    modifier recorded(uint256 seed) {
        uint256 id = idOf(seed);
        vm.recordLogs();
        _;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics.length < 2 || uint256(logs[i].topics[1]) != id) continue;
            _blocks[id].push(_token.recordOf(id).headBlock);
            bytes memory data = logs[i].data;
            uint256 previous;
            if (data.length != 0) {
                assembly {
                    previous := mload(add(data, mload(data)))
                }
            }
            _previous[id].push(previous);
        }
    }

    function pass(uint8 blocks, uint32 duration) external {
        vm.roll(_now() + blocks % 4);
        vm.warp(_time() + duration % 4 days);
    }

    function issue(uint256 seed, uint8 holder) external recorded(seed) {
        vm.prank(_issuer);
        try _token.issue(holderOf(holder), bytes32(idOf(seed))) {
            if (revoked[idOf(seed)]) tombstoneLeft = true;
        } catch {}
    }

    function amend(uint256 seed, bytes32 digest) external recorded(seed) {
        vm.prank(_issuer);
        try _token.amend(idOf(seed), digest) {} catch {}
    }

    function suspend(uint256 seed, bool byRegistrar) external recorded(seed) {
        vm.prank(byRegistrar ? _registrar : _issuer);
        try _token.suspend(idOf(seed), 0) {} catch {}
    }

    function restore(uint256 seed, bool byRegistrar) external recorded(seed) {
        vm.prank(byRegistrar ? _registrar : _issuer);
        try _token.restore(idOf(seed), 0) {} catch {}
    }

    function revoke(uint256 seed) external recorded(seed) {
        vm.prank(_issuer);
        try _token.revoke(idOf(seed), 0) {
            revoked[idOf(seed)] = true;
        } catch {}
    }

    function transfer(uint256 seed, uint8 to) external recorded(seed) {
        address from = _token.recordOf(idOf(seed)).holder;
        vm.prank(from);
        try _token.transferFrom(from, holderOf(to), idOf(seed)) {} catch {}
    }

    function propose(uint256 seed, uint8 to) external recorded(seed) {
        vm.prank(_registrar);
        try _token.proposeRecovery(idOf(seed), holderOf(to)) {
            proposedAt[idOf(seed)] = _time();
        } catch {}
    }

    function stop(uint256 seed) external recorded(seed) {
        address holder = _token.recordOf(idOf(seed)).holder;
        vm.prank(holder);
        try _token.stopRecovery(idOf(seed)) {} catch {}
    }

    function execute(uint256 seed) external recorded(seed) {
        try _token.executeRecovery(idOf(seed)) {
            if (_time() < proposedAt[idOf(seed)] + 7 days) executedEarly = true;
        } catch {}
    }

    function count() external pure returns (uint256, uint256) {
        return (IDS, HOLDERS);
    }

    function history(uint256 id) external view returns (uint256[] memory, uint256[] memory) {
        return (_blocks[id], _previous[id]);
    }

    function idOf(uint256 seed) public pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed % IDS)));
    }

    function holderOf(uint256 seed) public pure returns (address) {
        return address(uint160(0x1000 + seed % HOLDERS));
    }

    /// @dev In a call of their own, so that the optimizer cannot reuse a value from before a cheat code.
    function _now() private view returns (uint256) {
        return HandlerClock(address(this)).blockNumber();
    }

    function _time() private view returns (uint256) {
        return HandlerClock(address(this)).time();
    }

    function blockNumber() external view returns (uint256) {
        return block.number;
    }

    function time() external view returns (uint256) {
        return block.timestamp;
    }
}

interface HandlerClock {
    function blockNumber() external view returns (uint256);
    function time() external view returns (uint256);
}

/// @dev What holds after any sequence of calls.
contract InvariantsTest is Platform {
    Handler internal handler;

    function deploy() internal override returns (Preset) {
        return Preset(address(new ProductContent(admin, ADMIN_DELAY, RECOVERY_DELAY, address(0), 0)));
    }

    function setUp() public override {
        super.setUp();
        handler = new Handler(token, issuer, registrar);
    }

    function targetContracts() external view returns (address[] memory) {
        return one(address(handler));
    }

    function invariant_theLinkedHistoryIsTheLogScan() public view {
        (uint256 ids,) = handler.count();
        for (uint256 i; i < ids; ++i) {
            uint256 id = handler.idOf(i);
            (uint256[] memory blocks, uint256[] memory previous) = handler.history(id);
            (uint256 cursor, uint256 found) = (token.recordOf(id).headBlock, 0);
            // A verifier's walk: all records of the head's block, then on with the smallest block that they name.
            while (cursor != 0) {
                uint256 next = cursor;
                for (uint256 n; n < blocks.length; ++n) {
                    if (blocks[n] != cursor) continue;
                    ++found;
                    if (previous[n] < next) next = previous[n];
                }
                truth(next < cursor, "the block that a record names holds one");
                cursor = next;
            }
            same(found, blocks.length, "records found by walking");
        }
    }

    function invariant_balancesAreLiveTokens() public view {
        (uint256 ids, uint256 holders) = handler.count();
        uint256 live;
        uint256 balances;
        for (uint256 i; i < ids; ++i) {
            Record memory record = token.recordOf(handler.idOf(i));
            if (record.holder != address(0)) ++live;
            bool stands = record.status == Status.Active || record.status == Status.Suspended;
            truth(stands == (record.holder != address(0)), "a holder exactly while it stands");
        }
        for (uint256 i; i < holders; ++i) {
            balances += token.balanceOf(handler.holderOf(i));
        }
        same(balances, live, "balances");
    }

    function invariant_aTombstoneNeverLeaves() public view {
        truth(!handler.tombstoneLeft(), "reissued");
        (uint256 ids,) = handler.count();
        for (uint256 i; i < ids; ++i) {
            uint256 id = handler.idOf(i);
            bool tombstone = token.recordOf(id).status == Status.Revoked;
            truth(tombstone == handler.revoked(id), "revoked for ever");
        }
    }

    function invariant_noRecoveryBeforeItsDelay() public view {
        truth(!handler.executedEarly(), "early");
    }

    function invariant_aRecoveryIsMarkedExactlyWhileItIsOpen() public view {
        (uint256 ids,) = handler.count();
        for (uint256 i; i < ids; ++i) {
            (address to,) = token.recoveryOf(handler.idOf(i));
            truth(token.recordOf(handler.idOf(i)).recovering == (to != address(0)), "mark");
        }
    }

    function invariant_heldOnlyWhileSuspended() public view {
        (uint256 ids,) = handler.count();
        for (uint256 i; i < ids; ++i) {
            Record memory record = token.recordOf(handler.idOf(i));
            truth(!record.held || record.status == Status.Suspended, "held");
        }
    }

    function invariant_digestOfVersionOneIsTheId() public view {
        (uint256 ids,) = handler.count();
        for (uint256 i; i < ids; ++i) {
            uint256 id = handler.idOf(i);
            Record memory record = token.recordOf(id);
            if (record.version == 1) same(record.digest, bytes32(id), "digest");
        }
    }
}

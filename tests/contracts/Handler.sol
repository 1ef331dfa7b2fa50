// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IProvenanceToken, Status} from "../../contracts/interfaces/IProvenanceToken.sol";
import {IRecovery} from "../../contracts/interfaces/IRecovery.sol";
import {Preset} from "./Platform.sol";
import {Test, Vm} from "./Test.sol";

uint256 constant IDS = 7;
/// @dev The first ids are issued outright; the trees hold the last of these and all that follow.
uint256 constant DIRECT = 5;
uint256 constant ROOTS = 2;
uint256 constant ISSUERS = 3;
uint256 constant PARTIES = 3;

function idAt(uint256 seed) pure returns (uint256) {
    return uint256(keccak256(abi.encode("id", seed % IDS)));
}

/// @dev Does whatever the roles may do, in any order, and keeps books of its own about it: what the contract says is
/// held against these, never against itself. A call that must not succeed leaves a mark in `broken` when it does.
abstract contract Handler is Test {
    struct Keys {
        address admin;
        address registrar;
        address pauser;
        address[3] issuers;
    }

    uint256 internal constant PARTY_KEY = 0xb0;
    address internal constant STRANGER = address(0x57a);
    uint48 private immutable _recoveryDelay;
    uint48 private immutable _adminDelay;

    Preset internal immutable _token;
    Keys internal _keys;
    address[PARTIES] private _parties;
    bytes32[ROOTS] private _roots;
    bytes32 private immutable _registrarRole;
    bytes32 private immutable _pauserRole;

    /// @dev How many actions were tried.
    uint256 public tries;
    /// @dev How often each action succeeded.
    mapping(bytes4 action => uint256) public done;
    /// @dev By rule, what happened although it must not; empty while nothing did.
    mapping(bytes32 rule => string) public broken;

    bool public paused;
    mapping(uint256 id => uint256[]) private _records;
    mapping(uint256 id => uint256) public issues;
    mapping(uint256 id => uint256) public versions;
    mapping(uint256 id => uint256) public claims;
    mapping(uint256 id => bool) public revoked;
    mapping(uint256 id => bool) public leafRevoked;
    mapping(uint256 id => address) public holders;
    mapping(uint256 id => uint256) private _executableAt;
    mapping(address issuer => bool) public active;
    mapping(address issuer => uint256) public marks;
    mapping(address issuer => mapping(bytes32 root => uint256)) public anchors;
    mapping(bytes32 role => mapping(address account => bool)) public granted;
    address public admin;
    address private _nextAdmin;
    uint256 private _nextAdminAt;

    constructor(Preset token, Keys memory keys) {
        (_token, _keys, admin) = (token, keys, keys.admin);
        (_recoveryDelay, _adminDelay) = (token.recoveryDelay(), token.defaultAdminDelay());
        (_registrarRole, _pauserRole) = (token.REGISTRAR_ROLE(), token.PAUSER_ROLE());
        (granted[_registrarRole][keys.registrar], granted[_pauserRole][keys.pauser]) = (true, true);
        granted[0][admin] = true;
        for (uint256 i; i < ISSUERS; ++i) {
            active[keys.issuers[i]] = true;
        }
        for (uint256 i; i < PARTIES; ++i) {
            _parties[i] = vm.addr(keyOf(i));
        }
        for (uint256 i; i < ROOTS; ++i) {
            (address h, uint256 first,) = _leafAt(i, 0);
            (address k, uint256 second,) = _leafAt(i, 1);
            (bytes32 a, bytes32 b) = (token.leafOf(h, bytes32(first)), token.leafOf(k, bytes32(second)));
            _roots[i] = a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
        }
    }

    modifier tried() {
        ++tries;
        _;
    }

    /// @dev Copies the record events of one action, as a log scan finds them, into the books; those of a reverted call
    /// are recorded too, so only where the action succeeded.
    modifier recorded() {
        ++tries;
        uint256 before = done[msg.sig];
        vm.recordLogs();
        _;
        if (done[msg.sig] == before) return;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (_isRecord(logs[i].topics[0])) _book(logs[i]);
        }
    }

    function pass(uint256 blocks, uint256 duration) external tried {
        vm.roll(vm.getBlockNumber() + blocks % 4);
        vm.warp(vm.getBlockTimestamp() + duration % 6 days);
        _done();
    }

    function issue(uint256 id, uint256 holder, uint256 who) external recorded {
        address issuer = issuerAt(who);
        vm.prank(issuer);
        try _token.issue(party(holder), bytes32(idAt(id % DIRECT))) {
            _afterIssue(issuer);
        } catch {}
    }

    function issueMany(uint256 first, uint256 holder, uint256 who) external recorded {
        (address[] memory to, bytes32[] memory digests) = (new address[](2), new bytes32[](2));
        for (uint256 i; i < 2; ++i) {
            (to[i], digests[i]) = (party(holder + i), bytes32(idAt(first % (DIRECT - 1) + i)));
        }
        address issuer = issuerAt(who);
        vm.prank(issuer);
        try _token.issueMany(to, digests) {
            _afterIssue(issuer);
        } catch {}
    }

    function amend(uint256 id, bytes32 digest, uint256 who) external recorded {
        address issuer = issuerAt(who);
        vm.prank(issuer);
        try _token.amend(_live(id), digest) {
            _afterIssue(issuer);
        } catch {}
    }

    function suspend(uint256 id, uint256 who) external recorded {
        vm.prank(_keeper(who));
        try _token.suspend(_live(id), 0) {
            _done();
        } catch {}
    }

    function restore(uint256 id, uint256 who) external recorded {
        vm.prank(_keeper(who));
        try _token.restore(_live(id), 0) {
            _done();
        } catch {}
    }

    function revoke(uint256 id, uint256 who) external recorded {
        if (who % 2 == 0) return;
        uint256 token = _live(id);
        vm.prank(_keeper(who / 2));
        try _token.revoke(token, 0) {
            (revoked[token], holders[token], _executableAt[token]) = (true, address(0), 0);
            _done();
        } catch {}
    }

    function propose(uint256 id, uint256 to) external recorded {
        uint256 token = _live(id);
        vm.prank(_keys.registrar);
        try _token.proposeRecovery(token, party(to)) {
            if (_executableAt[token] != 0) _break("recovery", "a second recovery beside one under way");
            _executableAt[token] = vm.getBlockTimestamp() + _recoveryDelay;
            _done();
        } catch {}
    }

    function stop(uint256 id, uint256 by) external recorded {
        uint256 token = _live(id);
        vm.prank(by % 2 == 0 ? holders[token] : _keys.registrar);
        try _token.stopRecovery(token) {
            _executableAt[token] = 0;
            _done();
        } catch {}
    }

    function execute(uint256 id) external recorded {
        uint256 token = _live(id);
        (address to,) = _token.recoveryOf(token);
        try _token.executeRecovery(token) {
            if (_executableAt[token] == 0) _break("recovery", "a recovery that was not proposed");
            if (vm.getBlockTimestamp() < _executableAt[token]) _break("recovery", "a recovery before its delay");
            (holders[token], _executableAt[token]) = (to, 0);
            _done();
        } catch {}
    }

    function anchor(uint256 tree, uint256 who) external recorded {
        (address issuer, bytes32 root) = (issuerAt(who), rootAt(tree));
        vm.prank(issuer);
        try _token.attestTree(root) {
            if (anchors[issuer][root] != 0) _break("anchor", "an anchor over an anchor");
            anchors[issuer][root] = vm.getBlockTimestamp();
            _afterIssue(issuer);
        } catch {}
    }

    function claim(uint256 tree, uint256 leaf, uint256 who) external recorded {
        (address holder, uint256 id, bytes32[] memory proof) = _leafAt(tree, leaf);
        address issuer = issuerAt(who);
        try _token.claimOne(issuer, rootAt(tree), holder, bytes32(id), proof) {
            _afterClaim(issuer, rootAt(tree), id);
        } catch {}
    }

    function claimBoth(uint256 tree, uint256 who) external recorded {
        (address[] memory to, bytes32[] memory digests) = (new address[](2), new bytes32[](2));
        for (uint256 i; i < 2; ++i) {
            uint256 id;
            (to[i], id,) = _leafAt(tree, i);
            digests[i] = bytes32(id);
        }
        bool[] memory flags = new bool[](1);
        flags[0] = true;
        address issuer = issuerAt(who);
        try _token.claimMany(issuer, rootAt(tree), to, digests, new bytes32[](0), flags) {
            _afterClaim(issuer, rootAt(tree), uint256(digests[0]));
            _afterClaim(issuer, rootAt(tree), uint256(digests[1]));
        } catch {}
    }

    function revokeLeaf(uint256 tree, uint256 leaf, uint256 who) external recorded {
        if (who % 2 == 0) return;
        (address holder, uint256 id, bytes32[] memory proof) = _leafAt(tree, leaf);
        (address issuer, bytes32 root) = (issuerAt(who / 2), rootAt(tree));
        vm.prank(_keys.registrar);
        try _token.revokeLeaf(issuer, root, holder, bytes32(id), proof, 0) {
            if (issues[id] != 0) _break("claim", "a leaf revoked after its claim");
            (revoked[id], leafRevoked[id]) = (true, true);
            _done();
        } catch {}
    }

    function setPause(uint256 seed) external tried {
        bool on = seed % 4 == 0;
        vm.prank(_keys.pauser);
        if (on) _token.pause();
        else _token.unpause();
        paused = on;
        _done();
    }

    function suspendIssuer(uint256 who) external tried {
        address issuer = issuerAt(who);
        vm.prank(_keys.registrar);
        try _token.suspendIssuer(issuer) {
            active[issuer] = false;
            _done();
        } catch {}
    }

    function distrustIssuer(uint256 who, uint256 since) external tried {
        if (who % 4 != 0) return;
        address issuer = issuerAt(who / 4);
        uint64 mark = uint64(vm.getBlockTimestamp() + 2 days - since % 8 days);
        vm.prank(_keys.registrar);
        try _token.distrustIssuer(issuer, mark) {
            if (marks[issuer] != 0 && mark >= marks[issuer]) _break("mark", "a mark that moved to a later time");
            (active[issuer], marks[issuer]) = (false, mark);
            _done();
        } catch {}
    }

    function authorizeIssuer(uint256 who) external tried {
        address issuer = issuerAt(who);
        vm.prank(admin);
        try _token.authorizeIssuer(issuer) {
            if (marks[issuer] != 0) _break("issuer", "a marked key that issues again");
            active[issuer] = true;
            _done();
        } catch {}
    }

    function grantRole(uint256 account, uint256 which) external tried {
        bytes32 role = which % 2 == 0 ? _registrarRole : _pauserRole;
        vm.prank(admin);
        _token.grantRole(role, account_(account));
        granted[role][account_(account)] = true;
        _done();
    }

    function revokeRole(uint256 account, uint256 which) external tried {
        bytes32 role = which % 2 == 0 ? _registrarRole : _pauserRole;
        address whose = account_(account);
        if (whose == _keys.registrar || whose == _keys.pauser) return;
        vm.prank(admin);
        _token.revokeRole(role, whose);
        granted[role][whose] = false;
        _done();
    }

    function beginAdmin(uint256 to) external tried {
        vm.prank(admin);
        _token.beginDefaultAdminTransfer(party(to));
        (_nextAdmin, _nextAdminAt) = (party(to), vm.getBlockTimestamp() + _adminDelay);
        _done();
    }

    function cancelAdmin(uint256 seed) external tried {
        if (seed % 4 != 0) return;
        vm.prank(admin);
        _token.cancelDefaultAdminTransfer();
        _nextAdmin = address(0);
        _done();
    }

    function acceptAdmin(uint256 by) external tried {
        address next = by % 4 == 0 ? party(by / 4) : _nextAdmin;
        vm.prank(next);
        try _token.acceptDefaultAdminTransfer() {
            if (next != _nextAdmin) _break("admin", "an admin whom nobody named");
            if (vm.getBlockTimestamp() <= _nextAdminAt) _break("admin", "an admin before the delay");
            granted[0][admin] = false;
            granted[0][next] = true;
            (admin, _nextAdmin) = (next, address(0));
            _done();
        } catch {}
    }

    /// @dev A call of a role by an account without it. Done when it was refused.
    function intrude(uint256 what, uint256 account, uint256 id) external tried {
        (address intruder, uint256 token) = (account_(account), idAt(id));
        bytes[10] memory calls = [
            abi.encodeCall(_token.issue, (intruder, bytes32(token))),
            abi.encodeCall(_token.amend, (token, keccak256("forged"))),
            abi.encodeCall(_token.attestTree, (keccak256("forged"))),
            abi.encodeCall(_token.authorizeIssuer, (intruder)),
            abi.encodeCall(_token.grantRole, (_registrarRole, intruder)),
            abi.encodeCall(_token.beginDefaultAdminTransfer, (intruder)),
            abi.encodeCall(_token.pause, ()),
            abi.encodeCall(_token.proposeRecovery, (token, intruder)),
            abi.encodeCall(_token.suspendIssuer, (_keys.issuers[0])),
            abi.encodeCall(_token.revoke, (token, 0))
        ];
        uint256 at = what % calls.length;
        bytes32 role = at < 3 ? bytes32("issuer") : at < 6 ? bytes32(0) : at == 6 ? _pauserRole : _registrarRole;
        bool may = at < 3 ? active[intruder] : granted[role][intruder];
        if (at == 9 && active[intruder]) may = true;
        if (may) return;
        vm.prank(intruder);
        (bool success,) = address(_token).call(calls[at]);
        if (success) _break("role", "a call of a role by an account without it");
        _done();
    }

    function records(uint256 id) external view returns (uint256[] memory) {
        return _records[id];
    }

    function accounts() external view returns (address[] memory list) {
        list = new address[](8);
        for (uint256 i; i < 8; ++i) {
            list[i] = account_(i);
        }
    }

    /// @dev The actions that a campaign picks from.
    function actions() public view virtual returns (bytes4[] memory list) {
        list = new bytes4[](23);
        (list[0], list[1], list[2], list[3]) =
            (this.pass.selector, this.issue.selector, this.issueMany.selector, this.amend.selector);
        (list[4], list[5], list[6], list[7]) =
            (this.suspend.selector, this.restore.selector, this.revoke.selector, this.propose.selector);
        (list[8], list[9], list[10], list[11]) =
            (this.stop.selector, this.execute.selector, this.anchor.selector, this.claim.selector);
        (list[12], list[13], list[14], list[15]) =
            (this.claimBoth.selector, this.revokeLeaf.selector, this.setPause.selector, this.suspendIssuer.selector);
        (list[16], list[17], list[18], list[19]) = (
            this.distrustIssuer.selector,
            this.authorizeIssuer.selector,
            this.grantRole.selector,
            this.revokeRole.selector
        );
        (list[20], list[21], list[22]) =
            (this.beginAdmin.selector, this.cancelAdmin.selector, this.acceptAdmin.selector);
    }

    function issuerAt(uint256 seed) public view returns (address) {
        return _keys.issuers[seed % ISSUERS];
    }

    function party(uint256 seed) public view returns (address) {
        return _parties[seed % PARTIES];
    }

    function keyOf(uint256 seed) internal pure returns (uint256) {
        return PARTY_KEY + seed % PARTIES;
    }

    /// @dev Two trees of two leaves each; one id stands in both, for another holder.
    function rootAt(uint256 tree) public view returns (bytes32) {
        return _roots[tree % ROOTS];
    }

    function account_(uint256 seed) internal view returns (address) {
        seed %= 8;
        if (seed < 3) return issuerAt(seed);
        if (seed < 6) return party(seed);
        return seed == 6 ? _keys.registrar : _keys.pauser;
    }

    function _leafAt(uint256 tree, uint256 leaf)
        private
        view
        returns (address holder, uint256 id, bytes32[] memory proof)
    {
        (tree, leaf) = (tree % ROOTS, leaf % 2);
        (holder, id) = (party(tree + leaf), idAt(4 + tree + leaf));
        proof = new bytes32[](1);
        proof[0] = _token.leafOf(party(tree + 1 - leaf), bytes32(idAt(4 + tree + 1 - leaf)));
    }

    /// @dev The next id from `seed` on that has a holder, where there is one.
    function _live(uint256 seed) internal view returns (uint256) {
        for (uint256 i; i < IDS; ++i) {
            if (holders[idAt(seed % IDS + i)] != address(0)) return idAt(seed % IDS + i);
        }
        return idAt(seed);
    }

    function _keeper(uint256 seed) private view returns (address) {
        return seed % 4 == 0 ? _keys.registrar : issuerAt(seed / 4);
    }

    function _done() internal {
        ++done[msg.sig];
    }

    function _break(bytes32 rule, string memory what) internal {
        broken[rule] = what;
    }

    function _moved(uint256 id, address to) internal {
        (holders[id], _executableAt[id]) = (to, 0);
    }

    function _afterIssue(address issuer) internal {
        if (paused) _break("pause", "something issued during a pause");
        if (!active[issuer]) _break("issuer", "something issued by a stopped issuer");
        _done();
    }

    function _afterClaim(address issuer, bytes32 root, uint256 id) private {
        if (paused) _break("pause", "something issued during a pause");
        uint256 time = anchors[issuer][root];
        if (time == 0) _break("claim", "a claim without an anchor");
        if (marks[issuer] != 0 && time >= marks[issuer]) _break("claim", "a claim from a marked anchor");
        if (leafRevoked[id]) _break("claim", "a claim of a revoked leaf");
        ++claims[id];
        _done();
    }

    function _isRecord(bytes32 topic) private pure returns (bool) {
        return topic == IProvenanceToken.Issued.selector || topic == IProvenanceToken.Amended.selector
            || topic == IProvenanceToken.StatusChanged.selector || topic == IProvenanceToken.HolderChanged.selector
            || topic == IRecovery.RecoveryProposed.selector || topic == IRecovery.RecoveryStopped.selector;
    }

    function _book(Vm.Log memory log) private {
        uint256 id = uint256(log.topics[1]);
        bytes memory data = log.data;
        uint256 previous;
        if (data.length != 0) {
            assembly {
                previous := mload(add(data, mload(data)))
            }
        }
        _records[id].push((vm.getBlockNumber() << 128) | previous);
        if (log.topics[0] == IProvenanceToken.Issued.selector) {
            ++issues[id];
            (versions[id], holders[id]) = (1, address(uint160(uint256(log.topics[3]))));
        }
        if (log.topics[0] == IProvenanceToken.Amended.selector) ++versions[id];
    }
}

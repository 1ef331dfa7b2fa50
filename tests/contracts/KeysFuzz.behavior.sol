// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {
    IAccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/IAccessControlDefaultAdminRules.sol";
import {IAnchors} from "../../contracts/interfaces/IAnchors.sol";
import {IIssuers} from "../../contracts/interfaces/IIssuers.sol";
import {IProvenanceToken, Status} from "../../contracts/interfaces/IProvenanceToken.sol";
import {Platform} from "./Platform.sol";

/// @dev One fuzz test at least for each function about keys, roles and anchors.
abstract contract KeysFuzz is Platform {
    function testFuzz_authorizeIssuer__isTheAdminsAlone(address by, address account) public {
        vm.assume(by != admin && isNobody(account) && account != address(0));
        refuses(by, abi.encodeCall(token.authorizeIssuer, (account)), lacks(by, 0));
        refuses(admin, abi.encodeCall(token.authorizeIssuer, (address(0))), notAuthorized(address(0)));
        vm.prank(admin);
        token.authorizeIssuer(account);
        IIssuers.Issuer memory entry = token.issuerOf(account);
        truth(entry.active && entry.index == 4 && entry.organisation == 4 && entry.distrustedSince == 0, "entry");
    }

    function testFuzz_authorizeColleague__joinsTheOrganisation(address by, address account) public {
        vm.assume(by != admin && isNobody(account) && account != address(0));
        refuses(by, abi.encodeCall(token.authorizeColleague, (account, issuer)), lacks(by, 0));
        refuses(admin, abi.encodeCall(token.authorizeColleague, (account, account)), notAuthorized(account));
        vm.prank(admin);
        token.authorizeColleague(account, competitor);
        same(token.issuerOf(account).organisation, token.issuerOf(competitor).organisation, "organisation");
    }

    function testFuzz_suspendIssuer__stopsAnActiveOne(address by, address account) public {
        vm.assume(by != registrar && isNobody(account));
        bytes32 role = token.REGISTRAR_ROLE();
        refuses(by, abi.encodeCall(token.suspendIssuer, (issuer)), lacks(by, role));
        refuses(registrar, abi.encodeCall(token.suspendIssuer, (account)), notAuthorized(account));
        vm.prank(registrar);
        token.suspendIssuer(competitor);
        truth(!token.isIssuer(competitor), "stopped");
        refuses(registrar, abi.encodeCall(token.suspendIssuer, (competitor)), notAuthorized(competitor));
    }

    function testFuzz_distrustIssuer__movesToEarlierTimesOnly(address by, uint64 first, uint64 second) public {
        vm.assume(by != registrar && first != 0);
        bytes32 role = token.REGISTRAR_ROLE();
        refuses(by, abi.encodeCall(token.distrustIssuer, (issuer, first)), lacks(by, role));
        bytes memory none = abi.encodeWithSelector(IIssuers.Issuer_MarkNotEarlier.selector, issuer, 0, 0);
        refuses(registrar, abi.encodeCall(token.distrustIssuer, (issuer, 0)), none);
        refuses(registrar, abi.encodeCall(token.distrustIssuer, (stranger, first)), notAuthorized(stranger));
        vm.prank(registrar);
        token.distrustIssuer(issuer, first);
        bool earlier = second != 0 && second < first;
        vm.prank(registrar);
        (bool done,) = address(token).call(abi.encodeCall(token.distrustIssuer, (issuer, second)));
        truth(done == earlier, "earlier only");
        same(token.issuerOf(issuer).distrustedSince, earlier ? second : first, "mark");
        bytes memory refusal = abi.encodeWithSelector(IIssuers.Issuer_Distrusted.selector, issuer);
        refuses(admin, abi.encodeCall(token.authorizeIssuer, (issuer)), refusal);
        refuses(admin, abi.encodeCall(token.authorizeColleague, (issuer, colleague)), refusal);
    }

    function testFuzz_isIssuer__isFalseForOthers(address account) public view {
        truth(token.isIssuer(account) == (account == issuer || account == colleague || account == competitor), "is");
    }

    function testFuzz_issuerOf__isZeroForOthers(address account) public view {
        vm.assume(isNobody(account));
        same(keccak256(abi.encode(token.issuerOf(account))), keccak256(new bytes(128)), "zero");
    }

    function testFuzz_issuerAt__isTheOrderOfNaming(uint16 index) public view {
        address expected = index == 1 ? issuer : index == 2 ? colleague : index == 3 ? competitor : address(0);
        same(token.issuerAt(index), expected, "at");
    }

    function testFuzz_pause__isThePausersAlone(address by) public {
        vm.assume(by != pauser);
        refuses(by, abi.encodeCall(token.pause, ()), lacks(by, token.PAUSER_ROLE()));
        vm.prank(pauser);
        token.pause();
        bytes memory refusal = abi.encodeWithSelector(IIssuers.Roles_Paused.selector);
        refuses(issuer, abi.encodeCall(token.issue, (buyer, DIGEST)), refusal);
        refuses(issuer, abi.encodeCall(token.issueMany, (one(buyer), new bytes32[](1))), refusal);
        refuses(issuer, abi.encodeCall(token.amend, (ID, NEXT)), refusal);
        refuses(issuer, abi.encodeCall(token.attestTree, (NEXT)), refusal);
        refuses(by, abi.encodeCall(token.claimOne, (issuer, NEXT, buyer, DIGEST, new bytes32[](0))), refusal);
        refuses(registrar, abi.encodeCall(token.proposeRecovery, (ID, buyer)), refusal);
        refuses(by, abi.encodeCall(token.executeRecovery, (ID)), refusal);
    }

    function testFuzz_unpause__isThePausersAlone(address by) public {
        vm.assume(by != pauser);
        vm.prank(pauser);
        token.pause();
        refuses(by, abi.encodeCall(token.unpause, ()), lacks(by, token.PAUSER_ROLE()));
        vm.prank(pauser);
        token.unpause();
        issueTo(buyer);
    }

    function testFuzz_paused__isTheLastWord(bool[] calldata words) public {
        bool last;
        for (uint256 i; i < words.length; ++i) {
            last = words[i];
            vm.prank(pauser);
            if (last) token.pause();
            else token.unpause();
        }
        truth(token.paused() == last, "paused");
    }

    function testFuzz_attestTree__onceForEachIssuer(bytes32 root, address by, uint32 time) public {
        vm.assume(root != 0 && isNobody(by));
        refuses(by, abi.encodeCall(token.attestTree, (root)), notAuthorized(by));
        vm.warp(uint256(time) + 1);
        vm.prank(issuer);
        token.attestTree(root);
        bytes memory refusal = abi.encodeWithSelector(IAnchors.Anchor_Exists.selector, issuer, root);
        refuses(issuer, abi.encodeCall(token.attestTree, (root)), refusal);
        vm.prank(competitor);
        token.attestTree(root);
    }

    function testFuzz_anchoredAt__isTheFirstTime(bytes32 root, uint32 time, address other) public {
        vm.assume(root != 0 && time != 0 && other != issuer);
        same(token.anchoredAt(issuer, root), 0, "never");
        vm.warp(time);
        vm.prank(issuer);
        token.attestTree(root);
        same(token.anchoredAt(issuer, root), time, "then");
        same(token.anchoredAt(other, root), 0, "not another's");
    }

    function testFuzz_claimOne__ofOneLeafOfMany(uint8 size, uint8 place, uint256 seed, address by) public {
        (bytes32 root, address holder, bytes32 digest, bytes32[] memory proof) = tree(1 + size % 8, place, seed);
        bytes memory call = abi.encodeCall(token.claimOne, (issuer, root, holder, digest, proof));
        refuses(by, call, abi.encodeWithSelector(IAnchors.Anchor_Unknown.selector, issuer, root));
        vm.prank(issuer);
        token.attestTree(root);
        bytes memory forged = abi.encodeCall(token.claimOne, (issuer, root, holder, ~digest, proof));
        refuses(by, forged, abi.encodeWithSelector(IAnchors.Anchor_InvalidProof.selector, root));
        vm.prank(by);
        token.claimOne(issuer, root, holder, digest, proof);
        same(token.ownerOf(uint256(digest)), holder, "holder");
        refuses(by, call, alreadyIssued(uint256(digest)));
    }

    function testFuzz_claimMany__ofAllLeaves(address by, address a, address b, uint256 seed) public {
        vm.assume(a != address(0) && b != address(0));
        (address[] memory holders, bytes32[] memory digests) = (new address[](2), new bytes32[](2));
        (holders[0], holders[1]) = (a, b);
        (digests[0], digests[1]) = (keccak256(abi.encode(seed)), keccak256(abi.encode(seed, 1)));
        bytes32 root = join(token.leafOf(a, digests[0]), token.leafOf(b, digests[1]));
        vm.prank(issuer);
        token.attestTree(root);
        bool[] memory flags = new bool[](1);
        flags[0] = true;
        bytes32[] memory none = new bytes32[](0);
        bytes memory call = abi.encodeCall(token.claimMany, (competitor, root, holders, digests, none, flags));
        refuses(by, call, abi.encodeWithSelector(IAnchors.Anchor_Unknown.selector, competitor, root));
        vm.prank(by);
        token.claimMany(issuer, root, holders, digests, none, flags);
        same(token.ownerOf(uint256(digests[0])), a, "first");
        same(token.ownerOf(uint256(digests[1])), b, "second");
    }

    function testFuzz_revokeLeaf__endsTheIdForEver(uint8 size, uint8 place, uint256 seed, address by) public {
        vm.assume(isNobody(by));
        (bytes32 root, address holder, bytes32 digest, bytes32[] memory proof) = tree(1 + size % 8, place, seed);
        bytes memory call = abi.encodeCall(token.revokeLeaf, (issuer, root, holder, digest, proof, REASON));
        refuses(registrar, call, abi.encodeWithSelector(IAnchors.Anchor_Unknown.selector, issuer, root));
        vm.prank(issuer);
        token.attestTree(root);
        refuses(by, call, notAuthorized(by));
        bytes memory forged = abi.encodeCall(token.revokeLeaf, (issuer, root, holder, ~digest, proof, REASON));
        refuses(issuer, forged, abi.encodeWithSelector(IAnchors.Anchor_InvalidProof.selector, root));
        vm.prank(colleague);
        token.revokeLeaf(issuer, root, holder, digest, proof, REASON);
        bytes memory refusal = alreadyIssued(uint256(digest));
        refuses(by, abi.encodeCall(token.claimOne, (issuer, root, holder, digest, proof)), refusal);
        refuses(issuer, abi.encodeCall(token.issue, (holder, digest)), refusal);
        same(token.balanceOf(holder), 0, "nobody's");
    }

    function testFuzz_leafOf__isOpenZeppelins(address holder, bytes32 digest) public view {
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(holder, digest))));
        same(token.leafOf(holder, digest), leaf, "leaf");
    }

    function testFuzz_grantRole__isTheAdminsAlone(address by, address account, bool first) public {
        vm.assume(by != admin && isNobody(account));
        bytes32 role = first ? token.REGISTRAR_ROLE() : token.PAUSER_ROLE();
        refuses(by, abi.encodeCall(token.grantRole, (role, account)), lacks(by, 0));
        bytes memory refusal = abi.encodeWithSelector(
            IAccessControlDefaultAdminRules.AccessControlEnforcedDefaultAdminRules.selector
        );
        refuses(admin, abi.encodeCall(token.grantRole, (bytes32(0), account)), refusal);
        vm.prank(admin);
        token.grantRole(role, account);
        truth(token.hasRole(role, account), "granted");
    }

    function testFuzz_revokeRole__isTheAdminsAlone(address by) public {
        vm.assume(by != admin);
        bytes32 role = token.REGISTRAR_ROLE();
        refuses(by, abi.encodeCall(token.revokeRole, (role, registrar)), lacks(by, 0));
        vm.prank(admin);
        token.revokeRole(role, registrar);
        refuses(registrar, abi.encodeCall(token.suspendIssuer, (issuer)), lacks(registrar, role));
    }

    function testFuzz_renounceRole__isOnesOwnAlone(address by) public {
        vm.assume(by != pauser);
        bytes32 role = token.PAUSER_ROLE();
        bytes memory refusal = abi.encodeWithSelector(IAccessControl.AccessControlBadConfirmation.selector);
        refuses(by, abi.encodeCall(token.renounceRole, (role, pauser)), refusal);
        vm.prank(pauser);
        token.renounceRole(role, pauser);
        truth(!token.hasRole(role, pauser), "given up");
    }

    function testFuzz_hasRole__isFalseForOthers(bytes32 role, address account) public view {
        vm.assume(isNobody(account));
        truth(!token.hasRole(role, account), "role");
    }

    function testFuzz_getRoleAdmin__isTheAdmin(bytes32 role) public view {
        same(token.getRoleAdmin(role), 0, "admin");
    }

    function testFuzz_DEFAULT_ADMIN_ROLE__isZero(address by) public {
        vm.prank(by);
        same(token.DEFAULT_ADMIN_ROLE(), 0, "role");
    }

    function testFuzz_REGISTRAR_ROLE__isItsNamesHash(address by) public {
        vm.prank(by);
        same(token.REGISTRAR_ROLE(), keccak256("REGISTRAR_ROLE"), "role");
    }

    function testFuzz_PAUSER_ROLE__isItsNamesHash(address by) public {
        vm.prank(by);
        same(token.PAUSER_ROLE(), keccak256("PAUSER_ROLE"), "role");
    }

    function testFuzz_defaultAdmin__isTheOneWithTheRole(address other) public view {
        same(token.defaultAdmin(), admin, "admin");
        truth(token.hasRole(0, other) == (other == admin), "alone");
    }

    function testFuzz_owner__isTheAdmin(address by) public {
        vm.prank(by);
        same(token.owner(), admin, "owner");
    }

    function testFuzz_beginDefaultAdminTransfer__waits(address by, address to) public {
        vm.assume(by != admin && to != admin);
        refuses(by, abi.encodeCall(token.beginDefaultAdminTransfer, (to)), lacks(by, 0));
        vm.prank(admin);
        token.beginDefaultAdminTransfer(to);
        same(token.defaultAdmin(), admin, "not yet");
    }

    function testFuzz_pendingDefaultAdmin__isTheOneNamed(address to, uint32 time) public {
        vm.warp(time);
        vm.prank(admin);
        token.beginDefaultAdminTransfer(to);
        (address next, uint48 at) = token.pendingDefaultAdmin();
        same(next, to, "to");
        same(at, uint256(time) + ADMIN_DELAY, "at");
    }

    function testFuzz_acceptDefaultAdminTransfer__afterTheDelay(address to, address by, uint32 wait) public {
        vm.assume(to != admin && to != address(0) && by != to);
        vm.prank(admin);
        token.beginDefaultAdminTransfer(to);
        uint256 at = vm.getBlockTimestamp() + ADMIN_DELAY;
        vm.warp(block.timestamp + wait);
        bytes4 wrong = IAccessControlDefaultAdminRules.AccessControlInvalidDefaultAdmin.selector;
        refuses(by, abi.encodeCall(token.acceptDefaultAdminTransfer, ()), abi.encodeWithSelector(wrong, by));
        bool early = block.timestamp <= at;
        vm.prank(to);
        (bool done,) = address(token).call(abi.encodeCall(token.acceptDefaultAdminTransfer, ()));
        truth(done != early, "only after the delay");
        same(token.defaultAdmin(), early ? admin : to, "admin");
    }

    function testFuzz_cancelDefaultAdminTransfer__takesItBack(address by, address to) public {
        vm.assume(by != admin && to != admin && to != address(0));
        vm.prank(admin);
        token.beginDefaultAdminTransfer(to);
        refuses(by, abi.encodeCall(token.cancelDefaultAdminTransfer, ()), lacks(by, 0));
        vm.prank(admin);
        token.cancelDefaultAdminTransfer();
        vm.warp(block.timestamp + ADMIN_DELAY + 1);
        bytes4 wrong = IAccessControlDefaultAdminRules.AccessControlInvalidDefaultAdmin.selector;
        refuses(to, abi.encodeCall(token.acceptDefaultAdminTransfer, ()), abi.encodeWithSelector(wrong, to));
    }

    function testFuzz_changeDefaultAdminDelay__leavesATransferUnderWay(address by, uint32 delay) public {
        vm.assume(by != admin);
        refuses(by, abi.encodeCall(token.changeDefaultAdminDelay, (delay)), lacks(by, 0));
        vm.prank(admin);
        token.beginDefaultAdminTransfer(buyer);
        (, uint48 before) = token.pendingDefaultAdmin();
        vm.prank(admin);
        token.changeDefaultAdminDelay(delay);
        (, uint48 at) = token.pendingDefaultAdmin();
        same(at, before, "schedule");
        same(token.defaultAdminDelay(), ADMIN_DELAY, "delay");
    }

    function testFuzz_pendingDefaultAdminDelay__waits(uint32 delay) public {
        vm.prank(admin);
        token.changeDefaultAdminDelay(delay);
        (uint48 next, uint48 at) = token.pendingDefaultAdminDelay();
        uint256 longer = delay < 5 days ? delay : 5 days;
        same(next, delay, "delay");
        same(at, block.timestamp + (delay > ADMIN_DELAY ? longer : ADMIN_DELAY - delay), "at");
    }

    function testFuzz_defaultAdminDelay__changesAtItsTime(uint32 delay, uint32 wait) public {
        vm.prank(admin);
        token.changeDefaultAdminDelay(delay);
        (, uint48 at) = token.pendingDefaultAdminDelay();
        vm.warp(block.timestamp + wait);
        same(token.defaultAdminDelay(), block.timestamp > at ? delay : ADMIN_DELAY, "delay");
    }

    function testFuzz_rollbackDefaultAdminDelay__takesItBack(address by, uint32 delay) public {
        vm.assume(by != admin);
        vm.prank(admin);
        token.changeDefaultAdminDelay(delay);
        refuses(by, abi.encodeCall(token.rollbackDefaultAdminDelay, ()), lacks(by, 0));
        vm.prank(admin);
        token.rollbackDefaultAdminDelay();
        vm.warp(block.timestamp + 10 days);
        same(token.defaultAdminDelay(), ADMIN_DELAY, "delay");
    }

    function testFuzz_defaultAdminDelayIncreaseWait__isFiveDays(address by) public {
        vm.prank(by);
        same(token.defaultAdminDelayIncreaseWait(), 5 days, "wait");
    }

    /// @dev A tree of `size` leaves in a row: each is joined to what the ones before it came to.
    function tree(uint256 size, uint256 place, uint256 seed)
        internal
        view
        returns (bytes32 root, address holder, bytes32 digest, bytes32[] memory proof)
    {
        place %= size;
        proof = new bytes32[](place == 0 ? size - 1 : size - place);
        uint256 n;
        for (uint256 i; i < size; ++i) {
            bytes32 each = keccak256(abi.encode(seed, i));
            bytes32 leaf = token.leafOf(address(uint160(uint256(each))), each);
            if (i == place) {
                (holder, digest) = (address(uint160(uint256(each))), each);
                if (i != 0) proof[n++] = root;
            } else if (i > place) {
                proof[n++] = leaf;
            }
            root = i == 0 ? leaf : join(root, leaf);
        }
    }

    function join(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }
}

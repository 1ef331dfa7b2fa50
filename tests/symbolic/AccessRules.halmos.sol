// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ExportContract} from "../../contracts/ExportContract.sol";
import {ProductContent} from "../../contracts/ProductContent.sol";
import {IProvenanceToken} from "../../contracts/interfaces/IProvenanceToken.sol";
import {Preset} from "../contracts/Platform.sol";

interface Vm {
    function assume(bool condition) external pure;
    function prank(address sender) external;
    function roll(uint256 blockNumber) external;
    function warp(uint256 time) external;
}

/// @dev For every caller and all arguments: who lacks the one key that may do a thing cannot do it. The state is
/// the one that matters: the token of each rule is there, in the status that the rule is about.
abstract contract AccessRules {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    address internal constant admin = address(0xad);
    address internal constant issuer = address(0x15);
    address internal constant registrar = address(0x4e);
    address internal constant pauser = address(0x9a);
    address internal constant holder = address(0xb2);
    uint48 internal constant DELAY = 7 days;
    uint256 internal constant NOW = 1_800_000_000;
    uint256 internal constant ID = 1;
    uint256 internal constant HELD = 2;
    uint256 internal constant RECOVERING = 3;
    bytes32 internal constant ROOT = bytes32(uint256(4));

    Preset internal token;

    function deploy() internal virtual returns (Preset);

    function setUp() public {
        vm.roll(1_000);
        vm.warp(NOW);
        token = deploy();
        bytes32 registrarRole = token.REGISTRAR_ROLE();
        bytes32 pauserRole = token.PAUSER_ROLE();
        vm.prank(admin);
        token.grantRole(registrarRole, registrar);
        vm.prank(admin);
        token.grantRole(pauserRole, pauser);
        vm.prank(admin);
        token.authorizeIssuer(issuer);
        for (uint256 id = ID; id <= RECOVERING; ++id) {
            vm.prank(issuer);
            token.issue(holder, bytes32(id));
        }
        vm.prank(issuer);
        token.attestTree(ROOT);
        vm.prank(registrar);
        token.suspend(HELD, 0);
        vm.prank(registrar);
        token.proposeRecovery(RECOVERING, address(0xdead));
    }

    function check_issue__isTheIssuersAlone(address caller, address to, bytes32 digest) public {
        vm.assume(caller != issuer);
        refused(caller, abi.encodeCall(token.issue, (to, digest)));
    }

    function check_issueMany__isTheIssuersAlone(address caller, address to, bytes32 digest) public {
        vm.assume(caller != issuer);
        address[] memory holders = new address[](1);
        bytes32[] memory digests = new bytes32[](1);
        (holders[0], digests[0]) = (to, digest);
        refused(caller, abi.encodeCall(token.issueMany, (holders, digests)));
    }

    function check_issue__neverTwice(address to, uint8 id) public {
        vm.assume(id >= ID && id <= RECOVERING);
        refused(issuer, abi.encodeCall(token.issue, (to, bytes32(uint256(id)))));
    }

    function check_amend__isTheIssuersAlone(address caller, bytes32 digest) public {
        vm.assume(caller != issuer);
        refused(caller, abi.encodeCall(token.amend, (ID, digest)));
    }

    function check_revoke__isTheIssuersOrTheRegistrars(address caller, bytes32 reason) public {
        vm.assume(caller != issuer && caller != registrar);
        refused(caller, abi.encodeCall(token.revoke, (ID, reason)));
    }

    function check_suspend__isTheIssuersOrTheRegistrars(address caller, bytes32 reason) public {
        vm.assume(caller != issuer && caller != registrar);
        refused(caller, abi.encodeCall(token.suspend, (ID, reason)));
    }

    function check_restore__ofARegistrarsHoldIsItsAlone(address caller, bytes32 reason) public {
        vm.assume(caller != registrar);
        refused(caller, abi.encodeCall(token.restore, (HELD, reason)));
    }

    function check_attestTree__isTheIssuersAlone(address caller, bytes32 root) public {
        vm.assume(caller != issuer);
        refused(caller, abi.encodeCall(token.attestTree, (root)));
    }

    function check_revokeLeaf__isTheIssuersOrTheRegistrars(address caller, address to, bytes32 digest) public {
        vm.assume(caller != issuer && caller != registrar);
        refused(caller, abi.encodeCall(token.revokeLeaf, (issuer, ROOT, to, digest, new bytes32[](0), 0)));
    }

    function check_proposeRecovery__isTheRegistrarsAlone(address caller, address to) public {
        vm.assume(caller != registrar);
        refused(caller, abi.encodeCall(token.proposeRecovery, (ID, to)));
    }

    function check_stopRecovery__isTheHoldersOrTheRegistrars(address caller) public {
        vm.assume(caller != holder && caller != registrar);
        refused(caller, abi.encodeCall(token.stopRecovery, (RECOVERING)));
    }

    function check_executeRecovery__neverBeforeTheDelay(address caller, uint256 time) public {
        vm.assume(time < NOW + DELAY);
        vm.warp(time);
        refused(caller, abi.encodeCall(token.executeRecovery, (RECOVERING)));
    }

    function check_issuers__areTheAdminsAlone(address caller, address account, address colleague) public {
        vm.assume(caller != admin);
        refused(caller, abi.encodeCall(token.authorizeIssuer, (account)));
        refused(caller, abi.encodeCall(token.authorizeColleague, (account, colleague)));
    }

    function check_suspendIssuer__isTheRegistrarsAlone(address caller, uint64 since) public {
        vm.assume(caller != registrar);
        refused(caller, abi.encodeCall(token.suspendIssuer, (issuer)));
        refused(caller, abi.encodeCall(token.distrustIssuer, (issuer, since)));
    }

    function check_pause__isThePausersAlone(address caller) public {
        vm.assume(caller != pauser);
        refused(caller, abi.encodeCall(token.pause, ()));
        refused(caller, abi.encodeCall(token.unpause, ()));
    }

    function check_roles__areTheAdminsAlone(address caller, bytes32 role, address account) public {
        vm.assume(caller != admin);
        refused(caller, abi.encodeCall(token.grantRole, (role, account)));
        refused(caller, abi.encodeCall(token.revokeRole, (role, account)));
    }

    function check_adminTransfer__isTheAdminsAlone(address caller, address to, uint48 delay) public {
        vm.assume(caller != admin);
        refused(caller, abi.encodeCall(token.beginDefaultAdminTransfer, (to)));
        refused(caller, abi.encodeCall(token.cancelDefaultAdminTransfer, ()));
        refused(caller, abi.encodeCall(token.acceptDefaultAdminTransfer, ()));
        refused(caller, abi.encodeCall(token.changeDefaultAdminDelay, (delay)));
        refused(caller, abi.encodeCall(token.rollbackDefaultAdminDelay, ()));
    }

    /// @dev The rules above are not true because nothing works: the one key can do each of these things.
    function check_keys__canDoWhatTheRulesLeaveThem() public {
        granted(issuer, abi.encodeCall(token.issue, (holder, bytes32(uint256(9)))));
        granted(issuer, abi.encodeCall(token.amend, (ID, bytes32(uint256(8)))));
        granted(issuer, abi.encodeCall(token.attestTree, (bytes32(uint256(7)))));
        granted(issuer, abi.encodeCall(token.suspend, (ID, 0)));
        granted(registrar, abi.encodeCall(token.restore, (ID, 0)));
        granted(registrar, abi.encodeCall(token.restore, (HELD, 0)));
        granted(registrar, abi.encodeCall(token.proposeRecovery, (ID, address(0xdead))));
        granted(holder, abi.encodeCall(token.stopRecovery, (ID)));
        granted(issuer, abi.encodeCall(token.revoke, (ID, 0)));
        granted(pauser, abi.encodeCall(token.pause, ()));
        granted(pauser, abi.encodeCall(token.unpause, ()));
        granted(admin, abi.encodeCall(token.authorizeIssuer, (address(0x16))));
        granted(admin, abi.encodeCall(token.authorizeColleague, (address(0x17), issuer)));
        granted(admin, abi.encodeCall(token.beginDefaultAdminTransfer, (address(0xae))));
        granted(registrar, abi.encodeCall(token.suspendIssuer, (address(0x16))));
        granted(registrar, abi.encodeCall(token.distrustIssuer, (address(0x17), 1)));
        vm.warp(NOW + DELAY);
        granted(holder, abi.encodeCall(token.executeRecovery, (RECOVERING)));
    }

    function granted(address caller, bytes memory data) internal {
        vm.prank(caller);
        (bool done,) = address(token).call(data);
        assert(done);
    }

    /// @dev No transaction comes from the zero address.
    function refused(address caller, bytes memory data) internal {
        vm.assume(caller != address(0));
        vm.prank(caller);
        (bool done,) = address(token).call(data);
        assert(!done);
    }
}

contract ExportContractRules is AccessRules {
    function deploy() internal override returns (Preset) {
        return Preset(address(new ExportContract(admin, 3 days, DELAY)));
    }

    function check_transfer__isNobodys(address caller, address from, address to, uint8 id) public {
        refused(caller, abi.encodeCall(token.transferFrom, (from, to, id)));
        refused(caller, abi.encodeWithSignature("safeTransferFrom(address,address,uint256)", from, to, id));
        refused(caller, abi.encodeWithSignature("safeTransferFrom(address,address,uint256,bytes)", from, to, id, ""));
        refused(caller, abi.encodeCall(token.approve, (to, id)));
        refused(caller, abi.encodeCall(token.setApprovalForAll, (to, true)));
    }
}

contract ProductContentRules is AccessRules {
    function deploy() internal override returns (Preset) {
        return Preset(address(new ProductContent(admin, 3 days, DELAY, issuer, 250)));
    }

    function check_transfer__isTheHoldersAlone(address caller, address from, address to) public {
        vm.assume(caller != holder);
        refused(caller, abi.encodeCall(token.transferFrom, (from, to, ID)));
        refused(caller, abi.encodeCall(token.approve, (to, ID)));
    }

    function check_transfer__neverWhileSuspended(address caller, address from, address to) public {
        refused(caller, abi.encodeCall(token.transferFrom, (from, to, HELD)));
    }

    function check_setRoyalty__isTheAdminsAlone(address caller, address receiver, uint16 basisPoints) public {
        vm.assume(caller != admin);
        refused(caller, abi.encodeCall(ProductContent.setRoyalty, (receiver, basisPoints)));
    }
}

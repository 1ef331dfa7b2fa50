// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ExportContract} from "../../contracts/ExportContract.sol";
import {ProductContent} from "../../contracts/ProductContent.sol";
import {Status} from "../../contracts/interfaces/IProvenanceToken.sol";
import {Preset} from "../contracts/Platform.sol";

interface Vm {
    function assume(bool condition) external pure;
    function load(address target, bytes32 slot) external view returns (bytes32);
    function prank(address sender) external;
}

interface Svm {
    function enableSymbolicStorage(address target) external;
}

/// @dev For every caller, all arguments and whatever stands in the storage, reachable or not: what was done, was
/// done by who may do it, and a tombstone stays. Transfers and the end of a recovery are not here: a branch of
/// Solady's transfer writes its refusal to a place in memory that depends on the recipient, which Halmos does not
/// follow; `AccessRules` has them for the states that matter.
abstract contract AnyState {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    Svm internal constant svm = Svm(address(uint160(uint256(keccak256("svm cheat code")))));
    uint256 private constant GATE_SLOT = 3;

    Preset internal token;

    function deploy() internal virtual returns (Preset);

    function setUp() public {
        token = deploy();
        svm.enableSymbolicStorage(address(token));
    }

    function check_pause__isThePausers(address caller) public {
        bool may = token.hasRole(token.PAUSER_ROLE(), caller);
        assert(!done(caller, abi.encodeCall(token.pause, ())) || may);
        assert(!done(caller, abi.encodeCall(token.unpause, ())) || may);
    }

    function check_issue__isAnIssuersAndOnce(address caller, address holder, bytes32 digest) public {
        bool may = isIssuer(caller) && !token.paused();
        Status status = token.recordOf(uint256(digest)).status;
        if (!done(caller, abi.encodeCall(token.issue, (holder, digest)))) return;
        assert(may);
        assert(status == Status.Unknown);
    }

    function check_attestTree__isAnIssuers(address caller, bytes32 root) public {
        bool may = isIssuer(caller) && !token.paused() && token.anchoredAt(caller, root) == 0;
        assert(!done(caller, abi.encodeCall(token.attestTree, (root))) || may);
    }

    function check_status__isAnIssuersOrTheRegistrars(address caller, uint256 id, uint8 what) public {
        bool may = token.isIssuer(caller) || token.hasRole(token.REGISTRAR_ROLE(), caller);
        bytes memory call = what == 0 ? abi.encodeCall(token.suspend, (id, 0)) : what == 1
            ? abi.encodeCall(token.restore, (id, 0))
            : abi.encodeCall(token.revoke, (id, 0));
        assert(!done(caller, call) || may);
    }

    function check_tombstone__stays(address caller, uint256 id, bytes32 digest, uint8 what) public {
        vm.assume(token.recordOf(id).status == Status.Revoked);
        bytes memory call = what == 0 ? abi.encodeCall(token.suspend, (id, 0)) : what == 1
            ? abi.encodeCall(token.restore, (id, 0)) : what == 2
            ? abi.encodeCall(token.revoke, (id, 0)) : what == 3
            ? abi.encodeCall(token.amend, (id, digest)) : what == 4
            ? abi.encodeCall(token.issue, (caller, bytes32(id))) : what == 5
            ? abi.encodeCall(token.proposeRecovery, (id, caller))
            : abi.encodeCall(token.executeRecovery, (id));
        assert(!done(caller, call));
    }

    function check_proposeRecovery__isTheRegistrars(address caller, uint256 id, address to) public {
        bool registrar = token.hasRole(token.REGISTRAR_ROLE(), caller);
        assert(!done(caller, abi.encodeCall(token.proposeRecovery, (id, to))) || registrar);
    }

    function check_issuers__areTheAdminsAndTheRegistrars(address caller, address account, uint64 since) public {
        bool admin = token.hasRole(0, caller);
        bool registrar = token.hasRole(token.REGISTRAR_ROLE(), caller);
        assert(!done(caller, abi.encodeCall(token.authorizeIssuer, (account))) || admin);
        assert(!done(caller, abi.encodeCall(token.suspendIssuer, (account))) || registrar);
        assert(!done(caller, abi.encodeCall(token.distrustIssuer, (account, since))) || registrar);
    }

    /// @dev Who may issue: an active issuer, whether it stands in the gate or not.
    function isIssuer(address account) internal view returns (bool) {
        uint256 gate = uint256(vm.load(address(token), bytes32(GATE_SLOT)));
        return token.isIssuer(account) || address(uint160(gate)) == account;
    }

    function done(address caller, bytes memory data) internal returns (bool success) {
        vm.assume(caller != address(0));
        vm.prank(caller);
        (success,) = address(token).call(data);
    }
}

contract ExportContractAnyState is AnyState {
    function deploy() internal override returns (Preset) {
        return Preset(address(new ExportContract(address(0xad), 3 days, 7 days)));
    }
}

contract ProductContentAnyState is AnyState {
    function deploy() internal override returns (Preset) {
        return Preset(address(new ProductContent(address(0xad), 3 days, 7 days, address(0x15), 250)));
    }
}

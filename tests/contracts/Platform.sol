// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Anchors} from "../../contracts/Anchors.sol";
import {IIssuers} from "../../contracts/interfaces/IIssuers.sol";
import {IProvenanceToken, Status} from "../../contracts/interfaces/IProvenanceToken.sol";
import {Recovery} from "../../contracts/Recovery.sol";
import {Test} from "./Test.sol";

/// @dev What both presets have in common.
abstract contract Preset is Anchors, Recovery {}

/// @dev One preset with its roles filled by keys that can sign.
abstract contract Platform is Test {
    uint48 internal constant ADMIN_DELAY = 3 days;
    uint48 internal constant RECOVERY_DELAY = 7 days;

    uint256 internal constant ISSUER_KEY = 0x15;
    uint256 internal constant EXPORTER_KEY = 0xe1;
    uint256 internal constant BUYER_KEY = 0xb2;

    address internal immutable issuer = vm.addr(ISSUER_KEY);
    address internal immutable exporter = vm.addr(EXPORTER_KEY);
    address internal immutable buyer = vm.addr(BUYER_KEY);
    address internal constant admin = address(0xad);
    address internal constant registrar = address(0x4e);
    address internal constant pauser = address(0x9a);
    address internal constant colleague = address(0xc0);
    address internal constant competitor = address(0xcc);
    address internal constant stranger = address(0x57);

    bytes32 internal constant DIGEST = keccak256("manifest");
    bytes32 internal constant NEXT = keccak256("manifest 2");
    bytes32 internal constant REASON = keccak256("letter");
    uint256 internal constant ID = uint256(DIGEST);

    Preset internal token;

    function deploy() internal virtual returns (Preset);

    function setUp() public virtual {
        vm.roll(1_000);
        vm.warp(1_800_000_000);
        token = deploy();
        vm.prank(admin);
        token.authorizeIssuer(issuer);
        vm.prank(admin);
        token.authorizeColleague(colleague, issuer);
        vm.prank(admin);
        token.authorizeIssuer(competitor);
        bytes32 role = token.REGISTRAR_ROLE();
        vm.prank(admin);
        token.grantRole(role, registrar);
        role = token.PAUSER_ROLE();
        vm.prank(admin);
        token.grantRole(role, pauser);
    }

    function issueTo(address holder) internal {
        vm.prank(issuer);
        token.issue(holder, DIGEST);
        later();
    }

    function later() internal {
        vm.roll(block.number + 5);
        vm.warp(block.timestamp + 60);
    }

    function one(address item) internal pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = item;
    }

    function signature(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev The call by this account reverts with exactly this.
    function refuses(address by, bytes memory call, bytes memory refusal) internal {
        vm.prank(by);
        (bool done, bytes memory answer) = address(token).call(call);
        truth(!done, "not refused");
        same(keccak256(answer), keccak256(refusal), "another refusal");
    }

    /// @dev Whether the account has no part in it.
    function isNobody(address account) internal view returns (bool) {
        return account != issuer && account != colleague && account != competitor && account != registrar
            && account != pauser && account != admin && account != buyer && account != exporter;
    }

    function notAuthorized(address account) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IIssuers.Issuer_NotAuthorized.selector, account);
    }

    function lacks(address account, bytes32 role) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, account, role);
    }

    function wrongStatus(uint256 id, Status status) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IProvenanceToken.Token_WrongStatus.selector, id, status);
    }

    function alreadyIssued(uint256 id) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IProvenanceToken.Token_AlreadyIssued.selector, id);
    }

    function nonexistent(uint256 id) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, id);
    }
}

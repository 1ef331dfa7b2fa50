// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev The cheat codes that these tests use.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function addr(uint256 key) external pure returns (address);
    function assume(bool condition) external pure;
    function chainId(uint256 id) external;
    function etch(address target, bytes calldata code) external;
    function expectRevert() external;
    function expectRevert(bytes calldata data) external;
    function expectRevert(bytes4 selector) external;
    function getBlockNumber() external view returns (uint256);
    function getBlockTimestamp() external view returns (uint256);
    function getRecordedLogs() external returns (Log[] memory);
    function prank(address sender) external;
    function recordLogs() external;
    function roll(uint256 blockNumber) external;
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function store(address target, bytes32 slot, bytes32 value) external;
    function warp(uint256 time) external;
}

/// @dev Comparisons that say what differs.
abstract contract Test {
    error Differs(string what, bytes32 found, bytes32 expected);
    error Untrue(string what);

    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    function same(uint256 found, uint256 expected, string memory what) internal pure {
        if (found != expected) revert Differs(what, bytes32(found), bytes32(expected));
    }

    function same(bytes32 found, bytes32 expected, string memory what) internal pure {
        if (found != expected) revert Differs(what, found, expected);
    }

    function same(address found, address expected, string memory what) internal pure {
        if (found != expected) revert Differs(what, bytes32(bytes20(found)), bytes32(bytes20(expected)));
    }

    function truth(bool condition, string memory what) internal pure {
        if (!condition) revert Untrue(what);
    }
}

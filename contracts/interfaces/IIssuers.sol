// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Who may issue, and when nobody may.
/// @notice Four kinds of keys, which do not overlap unless one account is given several roles:
/// - the admin (OpenZeppelin's `AccessControlDefaultAdminRules`: two steps and a delay) names issuers and
///   gives roles; it can neither issue nor touch a record;
/// - issuers issue and amend, suspend, restore and revoke what their own organisation issued;
/// - registrars suspend and revoke any record, stop issuers and propose recoveries;
/// - pausers stop new records.
///
/// An organisation may hold several issuer keys, and each may act on what another of them issued, so that a lost
/// or stolen key leaves no record without care.
interface IIssuers {
    /// @notice What is known of an issuer key.
    /// @param index Place in the order of naming, from 1; 0 was never named.
    /// @param organisation Whom the key acts for: the index of the organisation's first key.
    /// @param active Whether it may issue now.
    /// @param distrustedSince Unix seconds; what it issued at or after is marked. 0 marks nothing.
    struct Issuer {
        uint16 index;
        uint16 organisation;
        bool active;
        uint64 distrustedSince;
    }

    /// @notice The account may not issue, or may not change this token.
    error Issuer_NotAuthorized(address account);

    /// @notice The account is an issuer already, or was one of another organisation.
    error Issuer_AlreadyAuthorized(address account);

    /// @notice The key is marked as stolen: it never issues again.
    error Issuer_Distrusted(address account);

    /// @notice The mark must be set, and can be moved to an earlier time only.
    error Issuer_MarkNotEarlier(address account, uint64 present, uint64 asked);

    /// @notice No more issuers can be named.
    error Issuer_TooMany();

    /// @notice New records are stopped.
    error Roles_Paused();

    /// @notice An account may issue.
    event IssuerAuthorized(address indexed issuer, uint16 index, uint16 organisation);

    /// @notice An account may no longer issue. What it issued stays.
    event IssuerSuspended(address indexed issuer);

    /// @notice What an account issued at or after `since` (Unix seconds) is marked as not trusted.
    event IssuerDistrusted(address indexed issuer, uint64 since);

    /// @notice New records are stopped.
    event Paused(address account);

    /// @notice New records go on.
    event Unpaused(address account);

    /// @notice Let an account issue, or issue again. A new one stands for an organisation of its own. By the admin.
    function authorizeIssuer(address account) external;

    /// @notice Let an account issue for the organisation of another issuer key. By the admin.
    function authorizeColleague(address account, address issuer) external;

    /// @notice Stop an account from issuing. By a registrar.
    function suspendIssuer(address account) external;

    /// @notice Mark, without deleting, what an account issued at or after `since` (Unix seconds), and stop it for
    /// ever. The mark can be moved to an earlier time only. By a registrar.
    function distrustIssuer(address account, uint64 since) external;

    /// @notice Stop issues, amendments, anchors, claims, assignments and recoveries. By a pauser. Product content still
    /// moves, and what protects a token still works: suspend, restore, revoke, the veto.
    function pause() external;

    /// @notice Let new records go on. By a pauser.
    function unpause() external;

    /// @notice Whether new records are stopped.
    function paused() external view returns (bool);

    /// @notice Whether the account may issue now.
    function isIssuer(address account) external view returns (bool);

    /// @notice What is known of an issuer key; all zero when it was never named.
    function issuerOf(address account) external view returns (Issuer memory);

    /// @notice The issuer key named as number `index`, from 1; zero when there is none.
    function issuerAt(uint16 index) external view returns (address);
}

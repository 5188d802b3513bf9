package dev.buildplane.model;

import java.util.List;

/// Condition types and reasons of planes. Public API: scripts match on them. Add freely, never rename.
public final class PlaneConditions {
  public static final String CREATED = "Created";
  public static final String CLIENT_CA_RESOLVED = "ClientCAResolved";
  public static final String OBSERVABILITY_RESOLVED = "ObservabilityResolved";
  public static final String AGENT_CONNECTED = "AgentConnected";
  public static final String SECRET_STORE_READY = "SecretStoreReady";
  public static final String READY = "Ready";

  /// Present and True only while deletion waits for runs to end.
  public static final String DELETION_BLOCKED = "DeletionBlocked";

  /// False before a client CA or the newest agent certificate expires, see [Limits#CERTIFICATE_EXPIRY_WARNING]. A warning:
  /// `Ready` does not depend on it.
  public static final String CERTIFICATES_CURRENT = "CertificatesCurrent";

  /// False while a connected agent says that it may not do in its cluster what builds need; absent until one has
  /// said so. A warning: `Ready` does not depend on it.
  public static final String AGENT_PERMISSIONS = "AgentPermissions";

  /// Every type the operator writes, in the order in which a status lists them. Conditions of other types in a status belong
  /// to whoever wrote them.
  public static final List<String> TYPES = List.of(
      CREATED,
      CLIENT_CA_RESOLVED,
      OBSERVABILITY_RESOLVED,
      AGENT_CONNECTED,
      SECRET_STORE_READY,
      CERTIFICATES_CURRENT,
      AGENT_PERMISSIONS,
      DELETION_BLOCKED,
      READY);

  /// Reasons, by the condition that uses them first.
  public static final class Reason {
    public static final String RESOLVED = "Resolved";
    public static final String NOT_CONFIGURED = "NotConfigured";
    public static final String SECRET_NOT_FOUND = "SecretNotFound";
    public static final String KEY_NOT_FOUND = "KeyNotFound";
    public static final String INVALID_CERTIFICATE = "InvalidCertificate";
    public static final String EXPIRED = "Expired";
    public static final String INVALID_PLANE_ID = "InvalidPlaneID";

    public static final String VALID = "Valid";
    public static final String CLIENT_CA_EXPIRES_SOON = "ClientCAExpiresSoon";
    public static final String AGENT_CERTIFICATE_EXPIRES_SOON = "AgentCertificateExpiresSoon";
    public static final String CLIENT_CA_NOT_RESOLVED = "ClientCANotResolved";

    public static final String CONNECTED = "Connected";
    public static final String NO_AGENT_CONNECTED = "NoAgentConnected";
    public static final String AGENT_NOT_AUTHORIZED = "AgentNotAuthorized";
    public static final String GATEWAY_UNREACHABLE = "GatewayUnreachable";

    public static final String READY = "Ready";
    public static final String NOT_FOUND = "NotFound";
    public static final String NOT_READY = "NotReady";
    public static final String EXTERNAL_SECRETS_NOT_INSTALLED = "ExternalSecretsNotInstalled";
    public static final String PLANE_DISCONNECTED = "PlaneDisconnected";
    public static final String PROBING = "Probing";

    public static final String SUFFICIENT = "Sufficient";
    public static final String PERMISSIONS_MISSING = "PermissionsMissing";

    public static final String UNFINISHED_RUNS = "UnfinishedRuns";
    public static final String DELETING = "Deleting";

    private Reason() {}
  }

  private PlaneConditions() {}

  /// Reason of [#OBSERVABILITY_RESOLVED] when a named plane of that kind is missing.
  public static String notFound(PlaneKind kind) {
    return kind.kind() + "NotFound";
  }
}

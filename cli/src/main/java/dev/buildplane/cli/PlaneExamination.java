package dev.buildplane.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.model.PlaneRef;
import dev.buildplane.pki.TrustBundle;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/// Everything `plane describe` and `plane doctor` looked at, before any judgement. Holds no secret.
///
/// @param resource the plane as stored
/// @param planeId the planeID in effect
/// @param caller who asked the gateway, for commands that grant rights
record PlaneExamination(
    PlaneRef plane,
    JsonNode resource,
    String planeId,
    String caller,
    ClientCa clientCa,
    Gateway gateway,
    Tunnel tunnel,
    Rights rights,
    Reference observability,
    SecretStore secretStore,
    Instant now) {

  /// What `spec.clusterAgent.clientCA` led to.
  sealed interface ClientCa {
    /// Neither a value nor a complete reference to a Secret.
    record NotConfigured() implements ClientCa {}

    record SecretMissing(Source.Secret source) implements ClientCa {}

    /// The Secret has nothing under that key.
    ///
    /// @param present keys that are there
    record KeyMissing(Source.Secret source, List<String> present) implements ClientCa {
      public KeyMissing {
        present = List.copyOf(present);
      }
    }

    /// The Secret could not be read.
    record Unread(Source.Secret source, String why) implements ClientCa {}

    /// There is text, but no certificate in it.
    record Unreadable(Source source, String detail) implements ClientCa {}

    record Found(Source source, TrustBundle bundle) implements ClientCa {}
  }

  /// Where the text of a client CA stands.
  sealed interface Source {
    record Inline() implements Source {
      @Override
      public String toString() {
        return "spec.clusterAgent.clientCA.value";
      }
    }

    record Secret(String namespace, String name, String key) implements Source {
      @Override
      public String toString() {
        return "key " + key + " of Secret " + namespace + "/" + name;
      }
    }
  }

  /// What the gateway told.
  sealed interface Gateway {
    /// It said who is there.
    ///
    /// @param agents connections of the plane's planeID, the oldest first
    /// @param turnedAway the last agent of that planeID that was not let in, in the last minute
    record Told(
        String address,
        List<GatewaySnapshot.Connected> agents,
        Optional<GatewaySnapshot.TurnedAway> turnedAway)
        implements Gateway {
      public Told {
        agents = List.copyOf(agents);
      }
    }

    /// It answered that this caller may not know.
    record Refused(String address, int status, String why) implements Gateway {}

    record Unreachable(String why) implements Gateway {}
  }

  /// Whether a request comes through to the plane's API server.
  sealed interface Tunnel {
    record NotTried() implements Tunnel {}

    record Answered(String version) implements Tunnel {}

    record Failed(int status, String why) implements Tunnel {}
  }

  /// What the agent may do in its cluster.
  sealed interface Rights {
    record NotAsked(String why) implements Rights {}

    /// The plane's API server said.
    ///
    /// @param missing what builds need and the agent may not
    record Asked(List<MissingRight> missing) implements Rights {
      public Asked {
        missing = List.copyOf(missing);
      }
    }
  }

  /// Something the agent needs to be allowed in its cluster and is not.
  record MissingRight(String verb, String group, String resource) {
    @Override
    public String toString() {
      return verb + " " + resource + (group.isEmpty() ? "" : "." + group);
    }
  }

  /// What `spec.observabilityPlaneRef` led to.
  sealed interface Reference {
    record NotConfigured() implements Reference {}

    record Found(PlaneRef plane) implements Reference {}

    record Missing(PlaneRef plane) implements Reference {}

    /// It could not be asked for.
    record Unread(PlaneRef plane, String why) implements Reference {}
  }

  /// What `spec.secretStoreRef` led to in the plane.
  sealed interface SecretStore {
    record NotConfigured() implements SecretStore {}

    /// The plane cannot be asked.
    record NotAsked(String name) implements SecretStore {}

    record NotInstalled(String name) implements SecretStore {}

    record Missing(String name) implements SecretStore {}

    record Found(String name, boolean ready, String detail) implements SecretStore {}

    record Failed(String name, String why) implements SecretStore {}
  }

  /// Connections that may serve this plane.
  List<GatewaySnapshot.Connected> authorised() {
    return switch (gateway) {
      case Gateway.Told told ->
        told.agents().stream().filter(one -> one.serves(plane)).toList();
      case Gateway.Refused _, Gateway.Unreachable _ -> List.of();
    };
  }
}

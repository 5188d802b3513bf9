package dev.buildplane.cli;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/// What a role process writes once all its listeners accept: the sign its supervisor waits for.
///
/// @param ports the bound port by the name of the option that sets it
@JsonIgnoreProperties(ignoreUnknown = true)
record RoleReady(ProcessId process, Map<String, Integer> ports) {
  private static final ObjectMapper JSON = new ObjectMapper();

  RoleReady {
    ports = Map.copyOf(ports);
  }

  static Path file(DataDirectory data, Role role) {
    return data.run().resolve(role.label() + ".json");
  }

  static Optional<RoleReady> read(DataDirectory data, Role role) {
    try {
      return Optional.of(JSON.readValue(Files.readString(file(data, role)), RoleReady.class));
    } catch (NoSuchFileException notYet) {
      return Optional.empty();
    } catch (IOException unreadable) {
      throw new UncheckedIOException("cannot read " + file(data, role), unreadable);
    }
  }

  void write(DataDirectory data, Role role) {
    try {
      DataDirectory.writeAtomically(file(data, role), JSON.writeValueAsString(this));
    } catch (JsonProcessingException impossible) {
      throw new IllegalStateException("numbers have a JSON form", impossible);
    }
  }

  int port(String option) {
    var port = ports.get(option);
    if (port == null) {
      throw new IllegalStateException("role reported no port for " + option + ", only " + ports);
    }
    return port;
  }
}

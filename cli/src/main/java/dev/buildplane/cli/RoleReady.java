package dev.buildplane.cli;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
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

  static Path file(DataDirectory data, Member member) {
    return data.run().resolve(member.label() + ".json");
  }

  static Optional<RoleReady> read(DataDirectory data, Member member) {
    try {
      return Optional.of(JSON.readValue(Files.readString(file(data, member)), RoleReady.class));
    } catch (NoSuchFileException notYet) {
      return Optional.empty();
    } catch (IOException unreadable) {
      throw new UncheckedIOException("cannot read " + file(data, member), unreadable);
    }
  }

  void write(DataDirectory data, Member member) {
    try {
      DataDirectory.writeAtomically(file(data, member), JSON.writeValueAsString(this));
    } catch (JsonProcessingException impossible) {
      throw new IllegalStateException("numbers have a JSON form", impossible);
    }
  }

  RoleReady with(String option, int port) {
    var more = new HashMap<>(ports);
    more.put(option, port);
    return new RoleReady(process, more);
  }

  int port(String option) {
    var port = ports.get(option);
    if (port == null) {
      throw new IllegalStateException("role reported no port for " + option + ", only " + ports);
    }
    return port;
  }
}

package dev.buildplane.pki;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileWatchTest {
  @TempDir
  Path folder;

  private final FileWatch watch = new FileWatch();
  private Path token;

  @BeforeEach
  void aToken() throws IOException {
    token = Files.writeString(folder.resolve("token"), "one");
  }

  @Test
  void aChangeIsToldOnce() throws IOException {
    watch.watch(Set.of(token));
    assertThat(watch.changed()).isFalse();
    Files.writeString(token, "the second");
    assertThat(watch.changed()).isTrue();
    assertThat(watch.changed()).isFalse();
  }

  @Test
  void aChangeWhileTheFilesAreReadIsToldThoughTheyAreWatchedAnewAfterwards() throws IOException {
    watch.watch(Set.of(token));
    Files.writeString(token, "the second");
    assertThat(watch.changed()).isTrue();
    Files.writeString(token, "the third, while the second is used");
    watch.watch(Set.of(token));
    assertThat(watch.changed()).isTrue();
  }

  @Test
  void filesNotWatchedBeforeAreToBeReadAgain() throws IOException {
    var certificate = Files.writeString(folder.resolve("certificate"), "c");
    assertThat(watch.watch(Set.of(token))).isTrue();
    assertThat(watch.watch(Set.of(token))).isFalse();
    assertThat(watch.watch(Set.of(token, certificate))).isTrue();
    assertThat(watch.watch(Set.of(certificate))).isFalse();
    Files.delete(token);
    assertThat(watch.changed()).isFalse();
  }

  @Test
  void whatCouldNotBeUsedIsToldAgain() {
    watch.watch(Set.of(token));
    watch.again();
    assertThat(watch.changed()).isTrue();
    assertThat(watch.changed()).isFalse();
  }

  @Test
  void aFileReplacedByOneOfTheSameSizeAndTimeIsAnother() throws IOException {
    watch.watch(Set.of(token));
    var other = Files.writeString(folder.resolve("other"), "two");
    Files.setLastModifiedTime(other, Files.getLastModifiedTime(token));
    Files.move(other, token, StandardCopyOption.ATOMIC_MOVE);
    assertThat(watch.changed()).isTrue();
  }

  @Test
  void aLinkThatIsSwappedIsAChangeAndSoIsAFileThatIsAway() throws IOException {
    var link = folder.resolve("link");
    Files.createSymbolicLink(link, token);
    watch.watch(Set.of(link));
    var other = Files.writeString(folder.resolve("other"), "other");
    var next = Files.createSymbolicLink(folder.resolve("next"), other);
    Files.move(next, link, StandardCopyOption.ATOMIC_MOVE);
    assertThat(watch.changed()).isTrue();
    Files.delete(other);
    assertThat(watch.changed()).isTrue();
    assertThat(watch.changed()).isFalse();
  }
}

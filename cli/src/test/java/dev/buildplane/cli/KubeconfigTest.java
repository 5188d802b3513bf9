package dev.buildplane.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.pki.CertificateAuthority;
import dev.buildplane.pki.TrustBundle;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KubeconfigTest {
  private static final TrustBundle TRUST =
      CertificateAuthority.create("ca", Duration.ofDays(1)).trust();

  @TempDir
  Path folder;

  private Kubeconfig written(String yaml) throws IOException {
    return Kubeconfig.read(Files.writeString(folder.resolve("config"), yaml));
  }

  private static JsonNode tree(Kubeconfig kubeconfig) throws IOException {
    return Resources.YAML.readTree(kubeconfig.text());
  }

  @Test
  void filesOfAUserAreTakenAlong() throws Exception {
    Files.writeString(folder.resolve("me.crt"), "certificate");
    Files.writeString(folder.resolve("me.key"), "key");
    var user = written("""
        contexts: [{name: hub, context: {cluster: c, user: me}}]
        users: [{name: me, user: {client-certificate: me.crt, client-key: me.key, tokenFile: token}}]
        """).user("hub").orElseThrow();

    assertThat(Base64.getDecoder().decode(user.path("client-key-data").asText()))
        .asString()
        .isEqualTo("key");
    assertThat(user.has("client-certificate")).isFalse();
    assertThat(user.path("tokenFile").asText())
        .isEqualTo(folder.resolve("token").toString());
  }

  @Test
  void mergingReplacesWhatHasTheSameNameAndKeepsTheRest() throws Exception {
    var before = written("""
        current-context: mine
        preferences: {colors: true}
        contexts: [{name: mine, context: {cluster: mine, user: mine}}, {name: p, context: {cluster: old, user: old}}]
        clusters: [{name: mine, cluster: {server: "https://mine"}}, {name: p, cluster: {server: "https://old"}}]
        users: [{name: mine, user: {token: "123"}}]
        """);
    var user = Resources.JSON.createObjectNode().put("token", "456");

    var after = tree(before.merged(Kubeconfig.EMPTY.with("p", "https://new", TRUST, user)));

    assertThat(after.path("current-context").asText()).isEqualTo("mine");
    assertThat(after.at("/preferences/colors").asBoolean()).isTrue();
    assertThat(after.path("contexts")).hasSize(2);
    assertThat(after.path("clusters").findValuesAsText("server"))
        .containsExactly("https://mine", "https://new");
    assertThat(after.path("users").findValues("token"))
        .allSatisfy(token -> assertThat(token.isTextual()).isTrue());
  }

  @Test
  void aFileThatIsNoKubeconfigIsNamed() throws IOException {
    var file = Files.writeString(folder.resolve("list"), "- a\n- b\n");

    assertThatThrownBy(() -> Kubeconfig.read(file))
        .isInstanceOf(CliProblem.class)
        .hasMessageContaining(file.toString());
  }
}

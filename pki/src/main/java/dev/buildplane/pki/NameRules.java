package dev.buildplane.pki;

import java.security.cert.X509Certificate;
import java.util.Optional;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.NameConstraintValidatorException;
import org.bouncycastle.asn1.x509.NameConstraints;
import org.bouncycastle.asn1.x509.PKIXNameConstraintValidator;

/// The name constraints of one CA (RFC 5280 section 4.2.1.10). They concern subjects and subject alternative names; a common name
/// is no host name, as Go has it and unlike Java's own check.
final class NameRules {
  private final PKIXNameConstraintValidator names = new PKIXNameConstraintValidator();

  private NameRules(NameConstraints constraints) {
    if (constraints.getPermittedSubtrees() != null) {
      names.intersectPermittedSubtree(constraints.getPermittedSubtrees());
    }
    if (constraints.getExcludedSubtrees() != null) {
      for (var subtree : constraints.getExcludedSubtrees()) {
        names.addExcludedSubtree(subtree);
      }
    }
  }

  /// @return empty when there are none
  /// @throws IllegalArgumentException when they cannot be read
  static Optional<NameRules> of(X509Certificate ca) {
    var extension = ca.getExtensionValue(Extension.nameConstraints.getId());
    return extension == null
        ? Optional.empty()
        : Optional.of(new NameRules(NameConstraints.getInstance(octets(extension))));
  }

  private static byte[] octets(byte[] extension) {
    return ASN1OctetString.getInstance(extension).getOctets();
  }

  /// @throws IllegalArgumentException when the certificate's names cannot be read
  boolean permit(X509Certificate certificate) {
    try {
      var subject = X500Name.getInstance(certificate.getSubjectX500Principal().getEncoded());
      if (subject.size() > 0) {
        require(new GeneralName(subject));
      }
      var alternatives = certificate.getExtensionValue(Extension.subjectAlternativeName.getId());
      if (alternatives != null) {
        for (var name : GeneralNames.getInstance(octets(alternatives)).getNames()) {
          require(name);
        }
      }
      return true;
    } catch (NameConstraintValidatorException outside) {
      return false;
    }
  }

  private void require(GeneralName name) throws NameConstraintValidatorException {
    names.checkPermitted(name);
    names.checkExcluded(name);
  }
}

// What an app's build.gradle.kts needs besides what Android Studio writes.
android {
    defaultConfig { minSdk = 24 }
    androidResources { noCompress += "tflite" }
}

dependencies {
    // By its number: among the uploads is an old one called 0.20230731, newer than 0.10.35 to those who only count.
    implementation("com.google.mediapipe:tasks-vision:1.0.0")
}

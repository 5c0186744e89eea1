"""TFLite files: conversion, quantization, metadata, and the error of each layer."""
